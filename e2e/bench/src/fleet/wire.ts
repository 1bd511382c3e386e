import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ListenerSchema } from "@lateen/protos/envoy/config/listener/v3/listener_pb.js";
import { NodeSchema } from "@lateen/protos/envoy/config/core/v3/base_pb.js";
import { HttpConnectionManagerSchema } from "@lateen/protos/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { DeltaDiscoveryRequestSchema } from "@lateen/protos/envoy/service/discovery/v3/discovery_pb.js";
import type { Pod } from "./mesh.ts";

const prefix = "type.googleapis.com/envoy.config.";

export const typeUrls = {
  CDS: `${prefix}cluster.v3.Cluster`,
  EDS: `${prefix}endpoint.v3.ClusterLoadAssignment`,
  LDS: `${prefix}listener.v3.Listener`,
  RDS: `${prefix}route.v3.RouteConfiguration`,
} as const;

export type Type = keyof typeof typeUrls;

export const types = Object.keys(typeUrls) as readonly Type[];

/** What is read of an answer; the resources themselves stay where they are. */
export interface Answer {
  readonly type: Type;
  readonly nonce: Buffer;
  readonly names: readonly string[];
  readonly versions: readonly string[];
  readonly removed: number;
}

const typesByUrl = new Map<string, Type>(types.map((type) => [typeUrls[type], type]));

/** Reads an encoded DeltaDiscoveryResponse as cheaply as it can be: a real proxy's work is not what is measured. */
export function readAnswer(bytes: Buffer): Answer {
  let [type, nonce, removed]: [Type | undefined, Buffer, number] = [undefined, Buffer.alloc(0), 0];
  const [names, versions]: [string[], string[]] = [[], []];
  eachField(bytes, 0, bytes.length, (field, from, to) => {
    if (field === 4) type = typesByUrl.get(bytes.toString("latin1", from, to));
    else if (field === 5) nonce = bytes.subarray(from, to);
    else if (field === 6) removed++;
    else if (field === 2) {
      eachField(bytes, from, to, (inner, start, end) => {
        if (inner === 3) names.push(bytes.toString("latin1", start, end));
        else if (inner === 1) versions.push(bytes.toString("latin1", start, end));
      });
    }
  });
  if (type === undefined) throw new Error("an answer of no type that was asked for");
  return { type, nonce, names, versions, removed };
}

/** Every length-delimited field of a message; others are passed over. */
function eachField(bytes: Buffer, from: number, to: number, visit: (field: number, from: number, to: number) => void) {
  let at = from;
  const varint = (): number => {
    let [value, shift] = [0, 1];
    for (;;) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 127) * shift;
      if (byte < 128) return value;
      shift *= 128;
    }
  };
  while (at < to) {
    const tag = varint();
    const length = varint();
    if ((tag & 7) === 0) continue;
    if ((tag & 7) !== 2) throw new Error(`unexpected wire type ${tag & 7}`);
    visit(tag >>> 3, at, at + length);
    at += length;
  }
}

/** The route configurations that the listeners of an answer ask for. */
export function routeNames(bytes: Buffer): readonly string[] {
  const names = new Set<string>();
  eachField(bytes, 0, bytes.length, (field, from, to) => {
    if (field !== 2) return;
    eachField(bytes, from, to, (inner, start, end) => {
      if (inner !== 2) return;
      eachField(bytes, start, end, (part, first, last) => {
        if (part === 2) for (const name of routesOfListener(bytes.subarray(first, last))) names.add(name);
      });
    });
  });
  return [...names];
}

function routesOfListener(bytes: Buffer): readonly string[] {
  const listener = fromBinary(ListenerSchema, bytes);
  const chains = [...listener.filterChains, ...(listener.defaultFilterChain ? [listener.defaultFilterChain] : [])];
  return chains.flatMap(({ filters }) =>
    filters.flatMap(({ configType }) => {
      if (configType.case !== "typedConfig" || !configType.value.typeUrl.endsWith("HttpConnectionManager")) return [];
      const { routeSpecifier } = fromBinary(HttpConnectionManagerSchema, configType.value.value);
      return routeSpecifier.case === "rds" ? [routeSpecifier.value.routeConfigName] : [];
    }),
  );
}

export interface RequestContent {
  readonly node?: Pod;
  readonly subscribe?: readonly string[];
  readonly versions?: Readonly<Record<string, string>>;
}

export function encodeRequest(type: Type, { node, subscribe = [], versions = {} }: RequestContent): Buffer {
  const message = create(DeltaDiscoveryRequestSchema, {
    typeUrl: typeUrls[type],
    resourceNamesSubscribe: [...subscribe],
    initialResourceVersions: versions,
    ...(node && { node: nodeOf(node) }),
  });
  return Buffer.from(toBinary(DeltaDiscoveryRequestSchema, message));
}

const ackHeads = new Map(types.map((type) => [type, encodeRequest(type, {})]));

export function encodeAck({ type, nonce }: Answer): Buffer {
  return Buffer.concat([ackHeads.get(type) ?? Buffer.alloc(0), Buffer.from([0x32, nonce.length]), nonce]);
}

/** As Istio's agent presents a pod; the extensions are left out. */
function nodeOf({ name, namespace, address, labels, service }: Pod) {
  const metadata = {
    ...{ NAME: name, NAMESPACE: namespace, INSTANCE_IPS: address, LABELS: { ...labels }, SERVICE_ACCOUNT: service },
    ...{ CLUSTER_ID: "Kubernetes", ISTIO_VERSION: "1.32.0", INTERCEPTION_MODE: "REDIRECT", MESH_ID: "cluster.local" },
    ...{ APP_CONTAINERS: service, WORKLOAD_NAME: service, OWNER: `kubernetes://apis/apps/v1/deployments/${service}` },
    ENVOY_STATUS_PORT: 15021,
    ENVOY_PROMETHEUS_PORT: 15090,
    ISTIO_PROXY_SHA: "0123456789abcdef0123456789abcdef01234567",
    PILOT_SAN: ["istiod.istio-system.svc"],
    PROXY_CONFIG: { concurrency: 2, discoveryAddress: "istiod.istio-system.svc:15012", statusPort: 15020 },
  };
  return create(NodeSchema, {
    id: `sidecar~${address}~${name}.${namespace}~${namespace}.svc.cluster.local`,
    cluster: `${service}.${namespace}`,
    userAgentName: "envoy",
    metadata,
  });
}
