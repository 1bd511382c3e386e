/** A host name or a wildcard: `*`, `*.example.com`. Compared in lower case. */
export function isWildcard(host: string): boolean {
  return host.startsWith("*");
}

/** Whether some name can be matched by both. `*` matches all; `*.a.b` matches `x.a.b`, `*.x.a.b`, not `a.b`. */
export function hostsOverlap(left: string, right: string): boolean {
  return hostCovers(left, right) || hostCovers(right, left);
}

/** Whether every name that `host` stands for is matched by `pattern`. */
export function hostCovers(pattern: string, host: string): boolean {
  if (!isWildcard(pattern)) return pattern === host;
  if (pattern === "*") return true;
  const suffix = pattern.slice(1);
  return isWildcard(host) ? host.slice(1).endsWith(suffix) : host.length > suffix.length && host.endsWith(suffix);
}

/** The most specific first: exact names, then the longest wildcard, then `*`; equal ones by name. */
export function byHostSpecificity(left: string, right: string): number {
  const wild = Number(isWildcard(left)) - Number(isWildcard(right));
  if (wild !== 0) return wild;
  if (isWildcard(left) && left.length !== right.length) return right.length - left.length;
  return compareText(left, right);
}

/** Of `patterns`, the most specific one that covers `host`. */
export function mostSpecificMatch(patterns: Iterable<string>, host: string): string | undefined {
  let best: string | undefined;
  for (const pattern of patterns) {
    if (!hostCovers(pattern, host)) continue;
    if (best === undefined || byHostSpecificity(pattern, best) < 0) best = pattern;
  }
  return best;
}

/**
 * The full name behind a host in a rule of `namespace`: a name without a dot is a service of that namespace,
 * everything else is taken as written (Istio's rule).
 */
export function resolveHost(host: string, namespace: string, domain: string): string {
  const lower = host.toLowerCase();
  return lower.includes(".") || isWildcard(lower) || lower === "" ? lower : `${lower}.${namespace}.svc.${domain}`;
}

/** Code-unit order: the same on every machine, unlike `localeCompare`. */
export function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
