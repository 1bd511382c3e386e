import { MeshStoreError } from "./errors.ts";

/** What a key says about its entry. */
export type ParsedKey =
  | { readonly type: "config"; readonly kind: string; readonly namespace: string; readonly name: string }
  | {
      readonly type: "service" | "workload";
      readonly registry: string;
      readonly namespace: string;
      readonly name: string;
    }
  | { readonly type: "endpoint"; readonly registry: string; readonly namespace: string; readonly slice: string }
  | { readonly type: "trust"; readonly trustDomain: string }
  | { readonly type: "status"; readonly service: string; readonly replica: string }
  | { readonly type: "registration"; readonly namespace: string; readonly name: string }
  | { readonly type: "lease"; readonly name: string };

/** Makes and parses keys; nothing else may. Any name fits: what NATS does not allow in a token is escaped as `=XX`. */
export const keys = {
  /** `kind` is written in lower case: `parse` gives it back so. */
  config: (kind: string, namespace: string, name: string) => join("config", kind.toLowerCase(), namespace, name),
  service: (registry: string, namespace: string, name: string) => join("service", registry, namespace, name),
  endpoints: (registry: string, namespace: string, slice: string) => join("endpoint", registry, namespace, slice),
  workload: (registry: string, namespace: string, name: string) => join("workload", registry, namespace, name),
  trust: (trustDomain: string) => join("trust", trustDomain),
  status: (service: string, replica: string) => join("status", service, replica),
  registration: (namespace: string, name: string) => join("registration", namespace, name),
  lease: (name: string) => join("lease", name),
  /** A prefix for `watch` and `list`: whole tokens only, as in `prefix("config", "ratelimit")`. */
  prefix: (...tokens: readonly string[]) => `${join(...tokens)}.`,
  parse,
} as const;

function join(...tokens: readonly string[]): string {
  return tokens.map(escapeToken).join(".");
}

function parse(key: string): ParsedKey | undefined {
  const [type, ...rest] = key.split(".").map(unescapeToken);
  const [a = "", b = "", c = ""] = rest;
  switch (`${type}/${rest.length}`) {
    case "config/3":
      return { type: "config", kind: a, namespace: b, name: c };
    case "service/3":
      return { type: "service", registry: a, namespace: b, name: c };
    case "workload/3":
      return { type: "workload", registry: a, namespace: b, name: c };
    case "endpoint/3":
      return { type: "endpoint", registry: a, namespace: b, slice: c };
    case "trust/1":
      return { type: "trust", trustDomain: a };
    case "status/2":
      return { type: "status", service: a, replica: b };
    case "registration/2":
      return { type: "registration", namespace: a, name: b };
    case "lease/1":
      return { type: "lease", name: a };
    default:
      return undefined;
  }
}

const plain = /^[-_a-zA-Z0-9]+$/;

/** `=` alone is the empty token; every other byte that is not a letter, digit, `-` or `_` becomes `=XX`. */
function escapeToken(token: string): string {
  if (plain.test(token)) return token;
  if (token === "") return "=";
  return Array.from(Buffer.from(token, "utf8"), (byte) => {
    const character = String.fromCharCode(byte);
    return plain.test(character) ? character : `=${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }).join("");
}

function unescapeToken(token: string): string {
  if (!token.includes("=")) return token;
  if (token === "=") return "";
  const bytes = token
    .split("=")
    .flatMap((part, index) =>
      index === 0
        ? [Buffer.from(part)]
        : [Buffer.from([Number.parseInt(part.slice(0, 2), 16)]), Buffer.from(part.slice(2))],
    );
  return Buffer.concat(bytes).toString("utf8");
}

const validKey = /^[-_=a-zA-Z0-9]+(\.[-_=a-zA-Z0-9]+)*$/;

/** Refuses a key that `keys` did not make, with the reason. */
export function checkKey(key: string): void {
  if (!validKey.test(key)) {
    throw new MeshStoreError(
      "invalid_key",
      `invalid store key ${JSON.stringify(key)}: make keys with keys.config(...) and its siblings, which escape names`,
    );
  }
}

/** Sorted, without duplicates and without prefixes that another one covers. */
export function normalizePrefixes(prefixes: readonly string[]): readonly string[] {
  for (const prefix of prefixes) {
    if (prefix === "") continue;
    if (!prefix.endsWith(".")) {
      throw new MeshStoreError(
        "invalid_key",
        `invalid store prefix ${JSON.stringify(prefix)}: it must be empty or end with a dot`,
      );
    }
    checkKey(prefix.slice(0, -1));
  }
  const kept: string[] = [];
  for (const prefix of [...prefixes].sort()) {
    if (!kept.some((shorter) => prefix.startsWith(shorter))) kept.push(prefix);
  }
  return kept;
}
