import type { Resource } from "./resource.ts";

/** What a client has under a name: the resource, or all we know is its version, or nothing. */
export type Held = Resource | string | undefined;

export interface Exception {
  readonly held: Held;
  /** The client waits to be told, even if it has the right thing. */
  readonly tell: boolean;
}

/** What a client began with, as long as nothing else was said: shared by all clients that began alike. */
export interface Beginning {
  readonly names: readonly string[];
  readonly versions: ReadonlyMap<string, string>;
}

/** As if each name had been subscribed, and each version adopted, by itself. */
export function exceptionsOf({ names, versions }: Beginning): ReadonlyMap<string, Exception> {
  const exceptions = new Map<string, Exception>();
  for (const name of names) exceptions.set(name, { held: undefined, tell: true });
  for (const [name, version] of versions) exceptions.set(name, { held: version, tell: false });
  return exceptions;
}

export function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

export function versionOf(held: Held): string | undefined {
  return typeof held === "object" ? held.version : held;
}
