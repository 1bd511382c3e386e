import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { TrafficExtensionSchema } from "@lateen/protos/extensions/v1alpha1/traffic_extension_pb.js";
import { WasmPluginSchema } from "@lateen/protos/extensions/v1alpha1/wasm_pb.js";
import { IngressClassSchema, IngressSchema } from "@lateen/protos/kubernetes/networking/v1/ingress_pb.js";
import { MeshConfigSchema } from "@lateen/protos/mesh/v1alpha1/config_pb.js";
import { DestinationRuleSchema } from "@lateen/protos/networking/v1alpha3/destination_rule_pb.js";
import { EnvoyFilterSchema } from "@lateen/protos/networking/v1alpha3/envoy_filter_pb.js";
import { GatewaySchema } from "@lateen/protos/networking/v1alpha3/gateway_pb.js";
import { ServiceEntrySchema } from "@lateen/protos/networking/v1alpha3/service_entry_pb.js";
import { SidecarSchema } from "@lateen/protos/networking/v1alpha3/sidecar_pb.js";
import { VirtualServiceSchema } from "@lateen/protos/networking/v1alpha3/virtual_service_pb.js";
import { WorkloadEntrySchema } from "@lateen/protos/networking/v1alpha3/workload_entry_pb.js";
import { WorkloadGroupSchema } from "@lateen/protos/networking/v1alpha3/workload_group_pb.js";
import { TelemetrySchema } from "@lateen/protos/telemetry/v1alpha1/telemetry_pb.js";
import { ProxyConfigSchema } from "@lateen/protos/networking/v1beta1/proxy_config_pb.js";

/** Istio's networking kinds, the mesh's settings with `defaultConfig`, and Kubernetes' Ingress. The order decides under which kind a message that several have is listed. */
const kinds: readonly DescMessage[] = [
  VirtualServiceSchema,
  DestinationRuleSchema,
  GatewaySchema,
  ServiceEntrySchema,
  SidecarSchema,
  WorkloadEntrySchema,
  WorkloadGroupSchema,
  EnvoyFilterSchema,
  ProxyConfigSchema,
  WasmPluginSchema,
  TrafficExtensionSchema,
  MeshConfigSchema,
  IngressSchema,
  IngressClassSchema,
];

/** Rows may show its fields, which are not counted: most are about other things than traffic. */
const alsoKnown: readonly DescMessage[] = [TelemetrySchema];

/** What makes a field one field wherever its message is met: `istio.networking.v1alpha3.StringMatch.exact`. */
type FieldKey = string;

/** Every field of the kinds: where it is first met, by key. A field of a message that is met again counts once. */
export function allFields(): ReadonlyMap<FieldKey, string> {
  const paths = new Map<FieldKey, string>();
  const visited = new Set<string>();
  const queue = kinds.map((message) => ({ message, path: message.name }));
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const { message, path } = next;
    if (visited.has(message.typeName)) continue;
    visited.add(message.typeName);
    for (const field of message.fields) {
      paths.set(keyOf(field), `${path}.${field.jsonName}`);
      const inner = messageOf(field);
      if (inner !== undefined) queue.push({ message: inner, path: `${path}.${field.jsonName}` });
    }
  }
  return paths;
}

/** The fields that a path shows, itself and those it passes; undefined when it is no path of the kinds. Map keys are left out. */
export function fieldsOnPath(path: string): readonly FieldKey[] | undefined {
  if (path.startsWith("Service.")) return []; // Kubernetes' own
  const [kind, ...names] = path.split(".");
  let message = [...kinds, ...alsoKnown].find(({ name }) => name === kind);
  const keys: FieldKey[] = [];
  for (const name of names) {
    const field = message?.fields.find(({ jsonName, name: protoName }) => name === jsonName || name === protoName);
    if (field === undefined) return undefined;
    keys.push(keyOf(field));
    message = messageOf(field);
  }
  return keys.length === 0 ? undefined : keys;
}

function keyOf(field: DescField): FieldKey {
  return `${field.parent.typeName}.${field.jsonName}`;
}

/** The message a field holds, in lists and maps too; Google's own (durations, wrappers, structs) count as values. */
function messageOf(field: DescField): DescMessage | undefined {
  const message =
    field.fieldKind === "message" || field.fieldKind === "list" || field.fieldKind === "map"
      ? field.message
      : undefined;
  return message === undefined || message.typeName.startsWith("google.protobuf.") ? undefined : message;
}
