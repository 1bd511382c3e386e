import type { Resource } from "./resource.ts";

/**
 * The resources that a proxy's error message names. A name inside a longer one that occurs does not count by
 * itself, so that `a` is not blamed for `a-b`. Empty when the message names none.
 */
export function namedIn(message: string, candidates: Iterable<Resource>): Resource[] {
  const byLength = [...candidates]
    .filter(({ name }) => message.includes(name))
    .sort((a, b) => b.name.length - a.name.length);
  const named: Resource[] = [];
  let rest = message;
  for (const candidate of byLength) {
    if (!rest.includes(candidate.name)) continue;
    named.push(candidate);
    rest = rest.replaceAll(candidate.name, "\0");
  }
  return named;
}
