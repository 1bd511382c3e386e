import type * as ir from "@lateen/ir";
import { audienceOf, compareText, formatRef, isMeant } from "@lateen/model";
import type { Audience, Labels, MeshObject, ObjectRef } from "@lateen/model";
import type { TrafficExtension, TrafficSelector, WasmConfig, WasmPlugin } from "../istio.ts";
import { append } from "./ordering.ts";
import { byIdentity } from "./remember.ts";

/** A TrafficExtension or WasmPlugin as far as it can be known without a proxy. */
export interface PreparedExtension {
  readonly ref: string;
  readonly owner: ObjectRef;
  /** As Istio orders by it. */
  readonly name: string;
  readonly namespace: string;
  readonly audience: Audience;
  readonly priority: number;
  readonly createdAtMs: number;
  readonly phase: ir.ExtensionPhase;
  readonly language: "lua" | "wasm";
  readonly extension: ir.Extension;
  /** Whether it is for calls on `port` that the workload makes (`client`) or takes. */
  takes(side: "client" | "server", port: number): boolean;
}

export interface ExtensionIndex {
  /** Those for a workload, in the order in which they run. */
  forWorkload(namespace: string, labels: Labels): readonly PreparedExtension[];
  find(ref: string): PreparedExtension | undefined;
}

type Source = MeshObject<TrafficExtension | WasmPlugin>;

export function indexExtensions(
  extensions: readonly MeshObject<TrafficExtension>[],
  plugins: readonly MeshObject<WasmPlugin>[],
  rootNamespace: string,
): ExtensionIndex {
  const all = [...extensions.map(preparedExtension), ...plugins.map(preparedPlugin)].filter(
    (each) => each !== undefined,
  );
  const byNamespace = new Map<string, PreparedExtension[]>();
  for (const each of all.sort(inOrder)) append(byNamespace, each.namespace, each);
  const byRef = new Map(all.map((each) => [each.ref, each]));
  return {
    find: (ref) => byRef.get(ref),
    forWorkload(namespace, labels) {
      const own = namespace === rootNamespace ? [] : (byNamespace.get(namespace) ?? []);
      const meant = [...(byNamespace.get(rootNamespace) ?? []), ...own];
      return meant.filter(({ audience }) => isMeant(audience, { namespace, labels })).sort(inOrder);
    },
  };
}

/** What Istio appends to the name of the TrafficExtension that it makes of a WasmPlugin. */
const ofPlugin = "~istio-translated-wasmplugin";

/** The highest priority first, then the oldest, then by name and namespace. */
function inOrder(left: PreparedExtension, right: PreparedExtension): number {
  return (
    right.priority - left.priority ||
    left.createdAtMs - right.createdAtMs ||
    compareText(left.name, right.name) ||
    compareText(left.namespace, right.namespace)
  );
}

const phases = ["last", "authentication", "authorization", "telemetry"] as const;
const onFailure = ["refuse", "let-through", "reload"] as const;
/** Istio's PluginType NETWORK and EnvValueSource HOST. */
const network = 2;
const fromHost = 1;

const preparedExtension = byIdentity((object: MeshObject<TrafficExtension>): PreparedExtension | undefined => {
  const { filterConfig } = object.spec;
  switch (filterConfig.case) {
    case "lua":
      return prepare(object, "http", { kind: "lua", source: filterConfig.value.inlineCode });
    case "wasm":
      return prepare(object, layerOf(filterConfig.value), wasmCode(object, filterConfig.value));
    default:
      return undefined;
  }
});

const preparedPlugin = byIdentity(
  (object: MeshObject<WasmPlugin>): PreparedExtension =>
    prepare(object, layerOf(object.spec), wasmCode(object, object.spec)),
);

function prepare(object: Source, layer: ir.Extension["layer"], code: ir.LuaCode | ir.WasmCode): PreparedExtension {
  const { spec, meta, origin } = object;
  const { namespace } = meta;
  const name = object.kind === "WasmPlugin" ? `${meta.name}${ofPlugin}` : meta.name;
  return {
    ref: formatRef(origin),
    owner: origin,
    name,
    namespace,
    audience: audienceOf(namespace, spec.selector?.matchLabels, spec),
    priority: spec.priority ?? 0,
    createdAtMs: meta.createdAtMs,
    phase: phases[spec.phase] ?? "last",
    language: code.kind,
    extension: { name: `${namespace}.${name}`, origin: formatRef(origin), layer, code },
    takes: (side, port) => spec.match.length === 0 || spec.match.some((each) => isFor(each, side, port)),
  };
}

function isFor(
  { mode, ports }: Pick<TrafficSelector, "mode" | "ports">,
  side: "client" | "server",
  port: number,
): boolean {
  const wanted = modes[mode] ?? "both";
  return (wanted === "both" || wanted === side) && (ports.length === 0 || ports.some(({ number }) => number === port));
}

/** Istio's WorkloadMode: UNDEFINED, CLIENT, SERVER, CLIENT_AND_SERVER. */
const modes = ["both", "client", "server", "both"] as const;

type Wasm = Pick<
  WasmConfig,
  | "url"
  | "sha256"
  | "imagePullPolicy"
  | "imagePullSecret"
  | "pluginConfig"
  | "pluginName"
  | "failStrategy"
  | "vmConfig"
  | "type"
>;

function layerOf({ type }: Wasm): ir.Extension["layer"] {
  return type === network ? "tcp" : "http";
}

function wasmCode({ meta }: Source, wasm: Wasm): ir.WasmCode {
  const { url, sha256, pluginConfig, pluginName, failStrategy, vmConfig, imagePullPolicy, imagePullSecret } = wasm;
  const variables = vmConfig?.env ?? [];
  const own = variables.filter(({ valueFrom }) => valueFrom !== fromHost).map(({ name, value }) => [name, value]);
  return {
    kind: "wasm",
    module: url.startsWith("file://") ? { path: url.slice("file://".length) } : { url: withScheme(url), sha256 },
    ...(pluginConfig === undefined ? {} : { configuration: JSON.stringify(pluginConfig) }),
    rootId: pluginName,
    onFailure: onFailure[failStrategy] ?? "refuse",
    environment: Object.fromEntries(own) as Record<string, string>,
    inherited: variables.filter(({ valueFrom }) => valueFrom === fromHost).map(({ name }) => name),
    ...(imagePullPolicy === 0 ? {} : { refetch: imagePullPolicy === 2 ? "always" : "if-absent" }),
    ...(imagePullSecret === "" || !isImage(url)
      ? {}
      : { pullSecret: { namespace: meta.namespace, name: imagePullSecret.replace(/^kubernetes:\/\//, "") } }),
    generation: meta.generation,
  };
}

/** Without a scheme it is an image: `registry:5000/repository` has none, though it looks as if. */
function withScheme(url: string): string {
  return /^[a-z]+:\/\//.test(url) ? url : `oci://${url}`;
}

function isImage(url: string): boolean {
  return withScheme(url).startsWith("oci://");
}
