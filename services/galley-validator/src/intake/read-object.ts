import { create } from "@bufbuild/protobuf";
import {
  decodeMeshConfigMap,
  decodeMeshNetworksMap,
  decodeObject,
  formatPath,
  isMeshConfigMap,
  kinds,
  resolveKind,
  toConfigObject,
} from "@lateen/api";
import type { DecodeResult, PositionIndex } from "@lateen/api";
import { keys } from "@lateen/mesh-store";
import type { Origin, Violation } from "@lateen/model";
import { EntrySchema } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import type { Entry } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import {
  convertEndpointSlice,
  convertPod,
  convertService,
  endpointsToEntry,
  kubernetesRegistry,
  serviceToEntry,
  workloadToEntry,
} from "@lateen/registries";
import type { Conversion, KubernetesOptions, Mistake, NodeLocality } from "@lateen/registries";
import type { Claim, Intake } from "./claim.ts";
import { nothing } from "./claim.ts";

export interface IntakeOptions extends KubernetesOptions {
  readonly rootNamespace: string;
  readonly localityOf?: NodeLocality;
}

/** One object as it was read, from a file or an API server. */
export interface RawObject {
  readonly raw: unknown;
  readonly origin: Origin;
  readonly positions?: PositionIndex;
}

/** Judges any object: what it claims in the store, or what is wrong with it. What is Kubernetes' own business is nothing. */
export function readObject(object: RawObject, options: IntakeOptions): Intake {
  const { apiVersion, kind, metadata } = fieldsOf(object.raw);
  if (apiVersion === undefined && kind === undefined) return notAnObject(object);
  if (apiVersion === undefined || kind === undefined) return unreadable(decodeObject(object.raw, object));
  if (isMeshConfigMap(object.raw, options.rootNamespace)) {
    return fromMeshConfigMap(object, options);
  }
  if (apiVersion === "v1" && kind === "Namespace") return namespaceOf(metadata);
  const conversion = conversions[`${apiVersion}/${kind}`];
  if (conversion) return conversion(object, nameOf(metadata, object.origin, options), options);
  return readConfig(object, apiVersion, kind, metadata, options);
}

/** It has no place in the store: its labels say whose objects have. */
function namespaceOf(metadata: unknown): Intake {
  if (!isRecord(metadata) || typeof metadata["name"] !== "string") return nothing;
  const written = isRecord(metadata["labels"]) ? Object.entries(metadata["labels"]) : [];
  const labels = Object.fromEntries(written.filter((entry): entry is [string, string] => typeof entry[1] === "string"));
  return { ...nothing, namespaces: [{ name: metadata["name"], labels }] };
}

/** One ConfigMap, two objects: what the mesh is like, and its networks where it says any. */
function fromMeshConfigMap(object: RawObject, { rootNamespace }: IntakeOptions): Intake {
  const { raw, origin } = object;
  const mesh = fromDecode(decodeMeshConfigMap(raw, object), keys.config("MeshConfig", rootNamespace, "istio"), origin);
  const networks = decodeMeshNetworksMap(raw, object);
  if (networks === undefined) return mesh;
  const { claims } = fromDecode(networks, keys.config("MeshNetworks", rootNamespace, "istio"), origin);
  return { ...mesh, claims: [...mesh.claims, ...claims] };
}

function readConfig(
  object: RawObject,
  apiVersion: string,
  kind: string,
  metadata: unknown,
  options: IntakeOptions,
): Intake {
  const resolution = resolveKind(apiVersion, kind);
  if (resolution.is === "foreign")
    return ofKubernetes(apiVersion)
      ? nothing
      : skipped(
          nameable(metadata)
            ? { ...object.origin, kind, ...nameOf(metadata, object.origin, options) }
            : { ...object.origin, kind },
          "foreign-kind",
          `${apiVersion} ${kind} is not configuration of the mesh, so it is skipped; if it is meant to be, check its apiVersion`,
        );
  const result = decodeObject(object.raw, { ...object, defaultNamespace: options.defaultNamespace ?? "default" });
  const known = kinds.some((definition) => definition.kind === kind) && nameable(metadata);
  if (known && (resolution.is === "built" || resolution.code === "unknown-version")) {
    const { namespace: written, name } = nameOf(metadata, object.origin, options);
    const namespace = resolution.is === "built" && resolution.definition.scope === "Cluster" ? "" : written;
    return fromDecode(result, keys.config(kind, namespace, name), { ...object.origin, kind, namespace, name });
  }
  const refusedByName = resolution.is === "refused" && resolution.code === "kind-not-built";
  return { ...unreadable(result), broken: !refusedByName };
}

function fromDecode(result: DecodeResult, key: string, origin: Origin): Intake {
  if (!result.ok) return single({ key, origin, verdict: { is: "invalid" }, violations: result.violations });
  const entry = create(EntrySchema, { value: { case: "config", value: toConfigObject(result.object) } });
  return single({ key, origin: result.object.origin, verdict: { is: "accepted", entry }, violations: result.warnings });
}

function single(claim: Claim): Intake {
  return { claims: [claim], violations: [], broken: false };
}

function unreadable(result: DecodeResult): Intake {
  return { claims: [], violations: result.ok ? result.warnings : result.violations, broken: true };
}

function notAnObject({ origin }: RawObject): Intake {
  return skipped(
    origin,
    "not-an-object",
    "has neither apiVersion nor kind, so it is skipped; if it is configuration, add them",
  );
}

/** Other YAML lies around, too: said once, not held against it. */
function skipped(object: Origin, code: string, message: string): Intake {
  const line = object.line === undefined ? {} : { line: object.line };
  return { claims: [], broken: false, violations: [{ object, path: "", severity: "warning", code, message, ...line }] };
}

/** Groups without a domain of their own that Kubernetes serves; what has a domain ends with .k8s.io. */
const kubernetesGroups = new Set(["", "apps", "autoscaling", "batch", "extensions", "policy"]);

/** Manifests lie beside the mesh's configuration as a matter of course: they are skipped without a word. */
function ofKubernetes(apiVersion: string): boolean {
  const slash = apiVersion.indexOf("/");
  const group = slash < 0 ? "" : apiVersion.slice(0, slash);
  return kubernetesGroups.has(group) || group.endsWith(".k8s.io");
}

interface Name {
  readonly namespace: string;
  readonly name: string;
}

type Converter = (object: RawObject, name: Name, options: IntakeOptions) => Intake;

const conversions: Readonly<Record<string, Converter>> = {
  "v1/Service": (object, name, options) => {
    const { file, line } = object.origin;
    const place = { ...(file === undefined ? {} : { file }), ...(line === undefined ? {} : { line }) };
    return fromConversion(
      convertService(object.raw, options, place),
      serviceToEntry,
      keys.service(kubernetesRegistry, name.namespace, name.name),
      object,
      name,
    );
  },
  "discovery.k8s.io/v1/EndpointSlice": (object, name, options) =>
    fromConversion(
      convertEndpointSlice(object.raw, options),
      endpointsToEntry,
      keys.endpoints(kubernetesRegistry, name.namespace, name.name),
      object,
      name,
    ),
  "v1/Pod": (object, name, options) =>
    fromConversion(
      convertPod(object.raw, options, options.localityOf),
      workloadToEntry,
      keys.workload(kubernetesRegistry, name.namespace, name.name),
      object,
      name,
    ),
};

function fromConversion<T>(
  conversion: Conversion<T>,
  toEntry: (value: T) => Entry,
  key: string,
  object: RawObject,
  name: Name,
): Intake {
  const origin = { ...object.origin, ...name };
  const said = (severity: "error" | "warning", code: string, { path, message }: Mistake): Violation => {
    const position = object.positions?.positionOf(path);
    const place = position ? { line: position.line, column: position.column } : {};
    return { object: origin, path: formatPath(path), severity, code, message, ...place };
  };
  if (conversion.ok) {
    if (conversion.value === undefined) return nothing;
    const violations = (conversion.unmet ?? []).map((each) => said("warning", each.code, each));
    return single({ key, origin, verdict: { is: "accepted", entry: toEntry(conversion.value) }, violations });
  }
  const violations = conversion.mistakes.map((each) => said("error", "field", each));
  if (name.name === "") return { claims: [], violations, broken: true };
  return single({ key, origin, verdict: { is: "invalid" }, violations });
}

function fieldsOf(raw: unknown): { apiVersion: string | undefined; kind: string | undefined; metadata: unknown } {
  const record = isRecord(raw) ? raw : {};
  const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
  return { apiVersion: text(record["apiVersion"]), kind: text(record["kind"]), metadata: record["metadata"] };
}

/** Whether an invalid object still says which one it is. */
function nameable(metadata: unknown): boolean {
  if (!isRecord(metadata)) return false;
  const { name, namespace } = metadata;
  return typeof name === "string" && name !== "" && (namespace === undefined || typeof namespace === "string");
}

function nameOf(metadata: unknown, origin: Origin, options: IntakeOptions): Name {
  const record = isRecord(metadata) ? metadata : {};
  const namespace =
    typeof record["namespace"] === "string" && record["namespace"] !== ""
      ? record["namespace"]
      : (options.defaultNamespace ?? "default");
  return { namespace, name: typeof record["name"] === "string" ? record["name"] : origin.name };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
