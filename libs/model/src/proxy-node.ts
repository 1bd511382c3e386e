import { isIp } from "./address.ts";
import { sortedRecord } from "./labels.ts";
import type { Labels } from "./object.ts";
import type { Locality } from "./service.ts";

/** How traffic gets into a sidecar; routers take it from their own sockets. */
export type Interception = "redirect" | "tproxy" | "none";

/** Who asks for configuration, as its xDS node says. */
export interface ProxyNode {
  readonly id: string;
  readonly type: "sidecar" | "router";
  /** Who reads the resources: an Envoy, or a gRPC library inside the application (metadata GENERATOR "grpc"). */
  readonly dataPlane: "envoy" | "grpc";
  readonly name: string;
  readonly namespace: string;
  readonly dnsDomain: string;
  /** At least one; the first is the one listeners bind to in interception mode `none`. */
  readonly addresses: readonly string[];
  readonly labels: Labels;
  readonly serviceAccount: string;
  readonly cluster: string;
  readonly interception: Interception;
  /** What its spans are grouped by: its node's `cluster`. */
  readonly serviceCluster: string;
  /** An agent beside the proxy serves its certificates (static cluster `sds-grpc`). */
  readonly agent: boolean;
  /** The ProxyConfig it was started with, as written; absent when it did not say. */
  readonly proxyConfig?: Readonly<Record<string, unknown>>;
  /** Its own string metadata, which EnvoyFilters match on. */
  readonly metadata: Labels;
  /** The agent beside the proxy answers its application's DNS queries. */
  readonly dnsCapture: boolean;
  /** The WorkloadGroup this proxy's workload is to be registered in; empty: none. */
  readonly autoRegisterGroup: string;
  readonly network: string;
  /** Where it says it is; absent when it did not. */
  readonly locality?: Locality;
  /** Names of the extensions the binary contains, sorted; absent when it did not say. */
  readonly extensions?: readonly string[];
  /** Names of the messages that configure those extensions; absent when it did not say. */
  readonly configTypes?: ReadonlySet<string>;
  /** The release of Envoy; absent when it did not say. */
  readonly release?: Release;
}

export interface Release {
  readonly major: number;
  readonly minor: number;
}

/** What a node says of its binary and its place, beside its metadata. */
export interface ProxyBinary {
  readonly extensions?: readonly string[];
  readonly configTypes?: readonly string[];
  readonly release?: Release;
  readonly locality?: Locality;
  /** Its `cluster`: not the Kubernetes one. */
  readonly serviceCluster?: string;
}

export type ParsedNode =
  | { readonly ok: true; readonly node: ProxyNode }
  | { readonly ok: false; readonly problem: string };

/**
 * Reads a node id `<type>~<ip>~<name>.<namespace>~<dns domain>` and Istio's node metadata.
 * Metadata wins over the id where both speak (INSTANCE_IPS, NAMESPACE).
 */
export function parseNode(id: string, metadata: unknown, binary: ProxyBinary = {}): ParsedNode {
  const [type, ip, fullName, dnsDomain, ...rest] = id.split("~");
  if (dnsDomain === undefined || rest.length > 0) {
    return refuse(id, "must have the form <type>~<ip>~<name>.<namespace>~<dns domain>");
  }
  if (type !== "sidecar" && type !== "router") {
    return refuse(id, `has the unsupported proxy type "${type}"; sidecar and router are served`);
  }
  const fields = isRecord(metadata) ? metadata : {};
  const addresses = listOf(fields["INSTANCE_IPS"]).filter(isIp);
  if (addresses.length === 0 && ip !== undefined && isIp(ip)) addresses.push(ip);
  if (addresses.length === 0) {
    return refuse(id, "has no valid IP address, neither as its second part nor in metadata INSTANCE_IPS");
  }
  const interception = interceptionOf(fields["INTERCEPTION_MODE"]);
  if (interception === undefined) {
    const written = String(fields["INTERCEPTION_MODE"]);
    return refuse(id, `has metadata INTERCEPTION_MODE "${written}"; use REDIRECT, TPROXY or NONE`);
  }
  const dataPlane = fields["GENERATOR"] === "grpc" ? "grpc" : "envoy";
  const { name, namespace } = nameOf(fullName ?? "", fields);
  if (namespace === "") return refuse(id, "names no namespace, neither in its third part nor in metadata NAMESPACE");
  return {
    ok: true,
    node: {
      id,
      type,
      dataPlane,
      namespace,
      dnsDomain,
      addresses,
      // Nothing is captured for a library, and the certificates its bootstrap names stand in for an agent's.
      interception: dataPlane === "grpc" ? "none" : interception,
      name,
      labels: labelsOf(fields["LABELS"]),
      serviceAccount: textOf(fields["SERVICE_ACCOUNT"]),
      cluster: textOf(fields["CLUSTER_ID"]),
      serviceCluster: binary.serviceCluster ?? "",
      dnsCapture: isTrue(fields["DNS_CAPTURE"]),
      autoRegisterGroup: textOf(fields["AUTO_REGISTER_GROUP"]),
      network: textOf(fields["NETWORK"]),
      agent: dataPlane === "grpc" || isRecord(fields["PROXY_CONFIG"]),
      ...(isRecord(fields["PROXY_CONFIG"]) ? { proxyConfig: fields["PROXY_CONFIG"] } : {}),
      metadata: labelsOf(fields),
      ...binaryOf(binary),
    },
  };
}

function binaryOf({ extensions = [], configTypes = [], release, locality }: ProxyBinary): Partial<ProxyNode> {
  return {
    ...(locality === undefined ? {} : { locality }),
    ...(extensions.length > 0 ? { extensions: [...new Set(extensions)].sort() } : {}),
    ...(configTypes.length > 0 ? { configTypes: new Set(configTypes) } : {}),
    ...(release === undefined ? {} : { release }),
  };
}

/** `name.namespace` of the id, as far as metadata does not say it. */
function nameOf(fullName: string, fields: Readonly<Record<string, unknown>>): { name: string; namespace: string } {
  const dot = fullName.lastIndexOf(".");
  const [name, namespace] = dot < 0 ? [fullName, ""] : [fullName.slice(0, dot), fullName.slice(dot + 1)];
  return { name: textOf(fields["NAME"]) || name, namespace: textOf(fields["NAMESPACE"]) || namespace };
}

function refuse(id: string, problem: string): ParsedNode {
  return { ok: false, problem: `node id "${id}" ${problem}` };
}

function interceptionOf(value: unknown): Interception | undefined {
  const modes: Readonly<Record<string, Interception>> = {
    "": "redirect",
    REDIRECT: "redirect",
    TPROXY: "tproxy",
    NONE: "none",
  };
  return modes[textOf(value)];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** Istio writes booleans as strings. */
function isTrue(value: unknown): boolean {
  return value === true || /^(true|1)$/i.test(textOf(value));
}

/** INSTANCE_IPS is a comma-separated string; a list is taken as well. */
function listOf(value: unknown): string[] {
  const parts = Array.isArray(value) ? value.map(textOf) : textOf(value).split(",");
  return parts.map((part) => part.trim()).filter((part) => part !== "");
}

function labelsOf(value: unknown): Labels {
  if (!isRecord(value)) return {};
  return sortedRecord(
    Object.fromEntries(Object.entries(value).filter(([, label]) => typeof label === "string")),
  ) as Labels;
}
