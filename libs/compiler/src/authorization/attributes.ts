import type * as ir from "@lateen/ir";
import { parseCidr } from "@lateen/model";
import { escapeRegex, headerValue, valueMatch } from "./string-match.ts";

/** What is known where a value is turned into a predicate. */
export interface AttributeSite {
  readonly policyNamespace: string;
  readonly trustDomains: readonly string[];
}

/** One attribute of requests that rules may speak about. */
export interface Attribute {
  /** Whether it is about the caller or about what is asked for. */
  readonly side: "principal" | "permission";
  /** Only requests have it; a TCP connection does not. */
  readonly httpOnly: boolean;
  /** Undefined: the value cannot be understood. */
  predicate(value: string, site: AttributeSite): ir.Predicate | undefined;
}

const principal = (predicate: Attribute["predicate"], httpOnly = false): Attribute => ({
  side: "principal",
  httpOnly,
  predicate,
});
const permission = (predicate: Attribute["predicate"], httpOnly = false): Attribute => ({
  side: "permission",
  httpOnly,
  predicate,
});

const range =
  (kind: "source-address" | "client-address" | "destination-address") =>
  (value: string): ir.Predicate | undefined => {
    const cidr = parseCidr(value);
    return cidr === undefined ? undefined : { kind, ...cidr };
  };

const port = (value: string): ir.Predicate | undefined =>
  /^\d{1,5}$/.test(value) && Number(value) <= 65_535 ? { kind: "destination-port", port: Number(value) } : undefined;

const peerRegex = (value: string): ir.Predicate => ({ kind: "peer", match: { kind: "regex", value } });

/** A name in which `*` stands for any text. */
const pattern = (text: string): string => text.split("*").map(escapeRegex).join(".*");

export const attributes: Readonly<Record<string, Attribute>> = {
  "source.principal": principal((value, site) => {
    const all = expandTrustDomain(value, site.trustDomains).map(
      (one): ir.Predicate => ({ kind: "peer", match: valueMatch(one, "spiffe://") }),
    );
    return all.length === 1 ? all[0] : { kind: "any", of: all };
  }),
  "source.namespace": principal((value) => peerRegex(`.*/ns/${pattern(value)}/.*`)),
  "source.serviceAccount": principal((value, site) => {
    const [first = "", second] = value.split("/");
    const [namespace, account] = second === undefined ? [site.policyNamespace, first] : [first, second];
    return peerRegex(`spiffe://.+/ns/${escapeRegex(namespace)}/(.+/|)sa/${escapeRegex(account)}(/.+)?`);
  }),
  "source.trustDomain": principal((value) => peerRegex(`spiffe://${pattern(value)}/.*`)),
  "source.ip": principal(range("source-address")),
  "remote.ip": principal(range("client-address")),
  "destination.ip": permission(range("destination-address")),
  "destination.port": permission(port),
  "connection.sni": permission((value) => ({ kind: "server-name", match: valueMatch(value) })),
  "request.host": permission(
    (value) => ({ kind: "header", header: { name: ":authority", ...hostMatch(value) } }),
    true,
  ),
  "request.method": permission((value) => headerValue(":method", value), true),
  "request.path": permission(
    (value) =>
      value.includes("{*}") || value.includes("{**}")
        ? { kind: "path-template", template: value.replaceAll("{**}", "**").replaceAll("{*}", "*") }
        : { kind: "path", match: valueMatch(value) },
    true,
  ),
};

function hostMatch(value: string): Pick<ir.HeaderMatch, "match"> {
  return value === "*" ? {} : { match: valueMatch(value, "", true) };
}

/** `request.headers[name]`, or a plain attribute; undefined for what is not supported. */
export function attributeOf(key: string): Attribute | undefined {
  const header = /^request\.headers\[(.+)\]$/.exec(key)?.[1];
  return header === undefined ? attributes[key] : principal((value) => headerValue(header, value), true);
}

/** `cluster.local` and the mesh's own domains stand for each other, so that renaming a trust domain locks nobody out. */
function expandTrustDomain(value: string, trustDomains: readonly string[]): readonly string[] {
  const slash = value.indexOf("/");
  const domain = slash < 0 ? "" : value.slice(0, slash);
  const local = domain === "cluster.local" || trustDomains.includes(domain);
  return local ? trustDomains.map((known) => known + value.slice(slash)) : [value];
}
