import type { JsonObject } from "@bufbuild/protobuf";
import type {
  AttributeContext,
  AttributeContext_Peer,
} from "@lateen/protos/envoy/service/auth/v3/attribute_context_pb.js";

/** What Envoy asks, as far as policies look at it. */
export interface Question {
  /** `<namespace>/<name>`, where the proxy says which policy asks. */
  readonly policy?: string;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly host: string;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly sourceAddress: string;
  /** `spiffe://...`; empty without mutual TLS. */
  readonly sourcePrincipal: string;
  readonly destinationAddress: string;
  readonly destinationPort: number;
}

export function questionOf(attributes: AttributeContext | undefined): Question {
  const http = attributes?.request?.http;
  const policy = attributes === undefined ? undefined : policyOf(attributes);
  return {
    method: http?.method ?? "",
    path: (http?.path ?? "").replace(/[?#].*$/s, ""),
    host: http?.host ?? "",
    headers: headersOf(http),
    sourceAddress: socketOf(attributes?.source).address,
    sourcePrincipal: attributes?.source?.principal ?? "",
    destinationAddress: socketOf(attributes?.destination).address,
    destinationPort: socketOf(attributes?.destination).port,
    ...(policy === undefined ? {} : { policy }),
  };
}

/** Envoy sends `headers`, or `header_map` when told to encode raw headers. Repeated headers are joined by a comma. */
function headersOf(http: NonNullable<AttributeContext["request"]>["http"]): Record<string, string> {
  if (http?.headerMap === undefined) return http?.headers ?? {};
  const headers: Record<string, string> = {};
  for (const { key, value, rawValue } of http.headerMap.headers) {
    const text = value || Buffer.from(rawValue).toString("utf8");
    const name = key.toLowerCase();
    headers[name] = name in headers ? `${headers[name]},${text}` : text;
  }
  return headers;
}

/** By the route's context extension, or by what the RBAC filter in front of ext_authz found (Istio's naming of rules). */
function policyOf(attributes: AttributeContext): string | undefined {
  const given = attributes.contextExtensions["authz_policy"];
  if (given !== undefined && given !== "") return given;
  const filters: Readonly<Record<string, JsonObject>> = attributes.metadataContext?.filterMetadata ?? {};
  const found = { ...filters["envoy.filters.network.rbac"], ...filters["envoy.filters.http.rbac"] };
  for (const [name, value] of Object.entries(found)) {
    if (!name.endsWith("shadow_effective_policy_id") || typeof value !== "string") continue;
    const [, namespace, policy] = /ns\[([^\]]*)\]-policy\[([^\]]*)\]/.exec(value) ?? [];
    if (namespace !== undefined && policy !== undefined) return `${namespace}/${policy}`;
  }
  return undefined;
}

function socketOf(peer: AttributeContext_Peer | undefined): { address: string; port: number } {
  const address = peer?.address?.address;
  if (address?.case !== "socketAddress") return { address: "", port: 0 };
  const { portSpecifier } = address.value;
  return { address: address.value.address, port: portSpecifier.case === "portValue" ? portSpecifier.value : 0 };
}
