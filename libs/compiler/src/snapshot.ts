import type * as ir from "@lateen/ir";
import type { EndpointSlice, Finding, MeshObject, ObjectRef, Service, Workload } from "@lateen/model";
import { indexDestinationRules } from "./index/destination-rules.ts";
import type { DestinationRuleIndex } from "./index/destination-rules.ts";
import { indexEndpoints, indexWorkloads } from "./index/endpoints.ts";
import type { EndpointIndex } from "./index/endpoints.ts";
import { byAge, sameElements } from "./index/ordering.ts";
import { byIdentity, byPair } from "./index/remember.ts";
import type { Delegating } from "./index/delegates.ts";
import { indexEnvoyFilters } from "./index/envoy-filters.ts";
import type { EnvoyFilterIndex } from "./index/envoy-filters.ts";
import { indexExtensions } from "./index/extensions.ts";
import type { ExtensionIndex } from "./index/extensions.ts";
import { indexPolicies } from "./index/selection.ts";
import type { PolicyIndex, Selecting } from "./index/selection.ts";
import type { ServiceRecord } from "./index/service-record.ts";
import { indexServices } from "./index/services.ts";
import type { ServiceIndex } from "./index/services.ts";
import { workloadOfEntry } from "./index/workload-entries.ts";
import { trustAnchors } from "./index/trust-anchors.ts";
import type { FetchedBundles } from "./index/trust-anchors.ts";
import { indexSidecars } from "./index/sidecars.ts";
import type { SidecarIndex } from "./index/sidecars.ts";
import { indexVirtualServices } from "./index/virtual-services.ts";
import type { VirtualServiceIndex } from "./index/virtual-services.ts";
import type {
  AuthorizationPolicy,
  DestinationRule,
  EnvoyFilter,
  Gateway,
  Ingress,
  IngressClass,
  MeshConfig,
  MeshNetworks,
  PeerAuthentication,
  RateLimit,
  ServiceEntry,
  Sidecar,
  Telemetry,
  TrafficExtension,
  VirtualService,
  WasmPlugin,
  WorkloadEntry,
} from "./istio.ts";
import { understandIngresses } from "./ingress/understand.ts";
import { withMeshConfig } from "./settings.ts";
import type { MeshSettings } from "./settings.ts";
import { indexNetworks } from "./networks/index-networks.ts";
import type { NetworkIndex, ResolvedNames } from "./networks/index-networks.ts";
import { vantageKeys } from "./spread/vantage.ts";
import type { VantageKeys } from "./spread/vantage.ts";
import { createViews } from "./view/caller-view.ts";
import type { Views } from "./view/caller-view.ts";
import { Lineage } from "./view/lineage.ts";

/** Everything known about the mesh at one revision. Lists in any order; elements are immutable and kept by reference. */
export interface MeshState {
  readonly revision: bigint;
  readonly configs: readonly MeshObject<unknown>[];
  readonly services: readonly Service[];
  readonly slices: readonly EndpointSlice[];
  readonly workloads: readonly Workload[];
  readonly trust: readonly { readonly trustDomain: string; readonly roots: readonly string[] }[];
  /** What names of gateways between networks stand for; the same object as long as nothing changed. */
  readonly names?: ResolvedNames;
  /** What was fetched of SPIFFE bundles; the same object as long as nothing changed. */
  readonly bundles?: FetchedBundles;
  /** Settings before any MeshConfig object in `configs`, which is applied on top. */
  readonly meshConfig: MeshSettings;
}

export interface ConfigIndexes {
  readonly settings: MeshSettings;
  readonly services: ServiceIndex;
  readonly virtualServices: VirtualServiceIndex;
  readonly destinationRules: DestinationRuleIndex;
  readonly sidecars: SidecarIndex;
  /** Oldest first. */
  readonly gateways: readonly MeshObject<Gateway>[];
  readonly peerAuthentications: PolicyIndex<PeerAuthentication>;
  readonly authorizationPolicies: PolicyIndex<AuthorizationPolicy>;
  readonly telemetries: PolicyIndex<Telemetry>;
  readonly rateLimits: PolicyIndex<RateLimit>;
  readonly envoyFilters: EnvoyFilterIndex;
  readonly extensions: ExtensionIndex;
  /** Some rule of the mesh asks proxies for spans. */
  readonly asksForSpans: boolean;
  /** Conflicts seen while indexing, which concern no single proxy. */
  readonly findings: readonly Finding[];
  /** Label names that some rule selects proxies by; no other label may influence a compilation. */
  readonly labelKeys: ReadonlySet<string>;
  /** What about a proxy's place may matter to its endpoints. */
  readonly vantage: VantageKeys;
  readonly networks: NetworkIndex;
  /** Who vouches for peers beside the mesh's CA; the same object as long as nothing changed. */
  readonly trust: ir.TrustAnchors | undefined;
}

/** An immutable, indexed view of the mesh. */
export interface MeshSnapshot extends ConfigIndexes {
  readonly revision: bigint;
  readonly state: MeshState;
  readonly endpoints: EndpointIndex;
  readonly views: Views;
  /** What `compileInputs` knows already. */
  readonly inputs: Lineage<object>;
  readonly objects: ObjectsByKind;
}

type ObjectsByKind = ReadonlyMap<string, readonly MeshObject<unknown>[]>;

/** Indexes `state`; what did not change since `previous` is taken over, so that what is made of it can be, too. */
export function createSnapshot(state: MeshState, previous?: MeshSnapshot): MeshSnapshot {
  const sameConfigs =
    previous !== undefined &&
    previous.state.meshConfig === state.meshConfig &&
    previous.state.names === state.names &&
    previous.state.bundles === state.bundles &&
    sameElements(previous.state.trust, state.trust) &&
    sameElements(rulesOf(previous.state.configs), rulesOf(state.configs)) &&
    sameElements(previous.state.services, state.services);
  const objects = sameConfigs ? previous.objects : objectsByKind(state.configs, previous?.objects);
  const indexes: ConfigIndexes = sameConfigs ? previous : indexConfigs(state, objects, previous);
  const all = workloadsOf(state);
  const workloads =
    previous !== undefined && sameElements(workloadsOf(previous.state), all)
      ? previous.endpoints.workloads
      : indexWorkloads(all);
  const endpoints =
    previous?.endpoints.workloads === workloads &&
    previous.services === indexes.services &&
    sameElements(previous.state.slices, state.slices)
      ? previous.endpoints
      : indexEndpoints(state.slices, workloads, indexes.services, previous?.endpoints);
  const unchanged = sameConfigs && sameSeen(previous.endpoints, endpoints);
  return {
    ...pickIndexes(indexes),
    objects,
    state,
    endpoints,
    revision: state.revision,
    views: createViews({ ...indexes, endpoints }, { views: previous?.views, unchanged }),
    inputs: unchanged ? previous.inputs : new Lineage(previous?.inputs),
  };
}

/** Of a kind nothing changed in, the same list. */
function objectsByKind(configs: MeshState["configs"], previous: ObjectsByKind | undefined): ObjectsByKind {
  const lists = Map.groupBy(configs, (object) => object.kind);
  return new Map(
    [...lists].map(([kind, list]) => {
      const earlier = previous?.get(kind);
      return [kind, earlier !== undefined && sameElements(earlier, list) ? earlier : list];
    }),
  );
}

/** Kinds that say who serves, not what is to be done: they take the endpoints lane. */
const workloadKinds: ReadonlySet<string> = new Set(["WorkloadEntry", "WorkloadGroup"]);

function rulesOf(configs: MeshState["configs"]): MeshState["configs"] {
  return configs.filter((object) => !workloadKinds.has(object.kind));
}

function workloadsOf({ configs, workloads }: MeshState): readonly Workload[] {
  const entries = configs.filter((object) => object.kind === "WorkloadEntry") as readonly MeshObject<WorkloadEntry>[];
  return entries.length === 0 ? workloads : [...workloads, ...entries.map(workloadOfEntry)];
}

/** The fields of `ConfigIndexes` alone, whatever else `from` has. */
function pickIndexes(from: ConfigIndexes): ConfigIndexes {
  const { settings, services, virtualServices, destinationRules, sidecars, gateways } = from;
  const { peerAuthentications, authorizationPolicies, telemetries, rateLimits, envoyFilters, extensions } = from;
  const { findings, labelKeys, vantage, networks, trust, asksForSpans } = from;
  const policies = { peerAuthentications, authorizationPolicies, telemetries, rateLimits };
  return {
    settings,
    services,
    virtualServices,
    destinationRules,
    sidecars,
    gateways,
    ...policies,
    envoyFilters,
    extensions,
    asksForSpans,
    findings,
    labelKeys,
    vantage,
    networks,
    trust,
  };
}

function sameSeen(before: EndpointIndex, after: EndpointIndex): boolean {
  if (before === after) return true;
  const keys = new Set([...before.groups.keys(), ...after.groups.keys()]);
  return [...keys].every((key) => before.groups.get(key)?.seen === after.groups.get(key)?.seen);
}

const nothing: readonly never[] = [];

/** An index is made anew only when the settings or its own kind's list changed. */
function indexConfigs(state: MeshState, objects: ObjectsByKind, previous: MeshSnapshot | undefined): ConfigIndexes {
  const of = <Spec>(kind: string) => (objects.get(kind) ?? nothing) as readonly MeshObject<Spec>[];
  const settings = settingsOf(state.meshConfig, of<MeshConfig>("MeshConfig"));
  const destinationRules = kept.destinationRules(settings, of<DestinationRule>("DestinationRule"));
  const rules = of<VirtualService>("VirtualService");
  const networks = indexNetworks(of<MeshNetworks>("MeshNetworks"), state.services, state.names);
  const sidecars = kept.sidecars(settings, of<Sidecar>("Sidecar"));
  const entries = of<ServiceEntry>("ServiceEntry");
  const sameServices =
    previous?.settings === settings &&
    (previous.objects.get("ServiceEntry") ?? nothing) === entries &&
    sameElements(previous.state.services, state.services);
  const services = sameServices ? previous.services : indexServices(state.services, entries, settings);
  const understood = understandIngresses(settings, {
    ingresses: of<Ingress>("Ingress"),
    classes: of<IngressClass>("IngressClass"),
    services,
  });
  const virtualServices = kept.virtualServices(settings, rules)(understood.rules);
  return {
    settings,
    services,
    destinationRules,
    sidecars,
    gateways: kept.gateways(of<Gateway>("Gateway"), understood.gateways),
    peerAuthentications: kept.peerAuthentications(settings, of<PeerAuthentication>("PeerAuthentication")),
    authorizationPolicies: kept.authorizationPolicies(settings, of<AuthorizationPolicy>("AuthorizationPolicy")),
    telemetries: kept.telemetries(settings, of<Telemetry>("Telemetry")),
    rateLimits: kept.rateLimits(settings, of<RateLimit>("RateLimit")),
    extensions: kept.extensions(settings, of<TrafficExtension>("TrafficExtension"))(of<WasmPlugin>("WasmPlugin")),
    envoyFilters: kept.envoyFilters(settings, of<EnvoyFilter>("EnvoyFilter")),
    virtualServices,
    networks,
    trust: sameJsonOr(
      previous?.trust,
      trustAnchors(settings, { fetched: state.bundles ?? new Map(), own: state.trust }),
    ),
    asksForSpans:
      settings.defaultTracingProviders.length > 0 ||
      of<Telemetry>("Telemetry").some(({ spec }) => spec.tracing.length > 0),
    findings: [services, destinationRules, sidecars, virtualServices, networks, understood].flatMap(
      (index) => index.findings,
    ),
    vantage: placesThatMatter(settings, of<DestinationRule>("DestinationRule"))(services.all),
    labelKeys: sameOr(
      previous?.labelKeys,
      new Set([...destinationRules.selectorKeys, ...rules.flatMap(sourceLabelKeys)]),
    ),
  };
}

const placesThatMatter = byPair((settings: MeshSettings, rules: readonly MeshObject<DestinationRule>[]) =>
  byIdentity((services: readonly ServiceRecord[]) => vantageKeys(settings, rules, services)),
);

function sameJsonOr<Value>(before: Value, after: Value): Value {
  return JSON.stringify(before) === JSON.stringify(after) ? before : after;
}

/** Where SPIFFE bundles of the mesh's `caCertificates` are fetched. */
export function trustBundleUrls({ configs, meshConfig }: Pick<MeshState, "configs" | "meshConfig">): readonly string[] {
  const objects = configs.filter(({ kind }) => kind === "MeshConfig") as readonly MeshObject<MeshConfig>[];
  const { caCertificates } = settingsOf(meshConfig, objects);
  return caCertificates.flatMap(({ source }) => ("url" in source ? [source.url] : []));
}

function sameOr(before: ReadonlySet<string> | undefined, after: ReadonlySet<string>): ReadonlySet<string> {
  return before?.size === after.size && [...after].every((key) => before.has(key)) ? before : after;
}

const policyIndex = <Spec extends Selecting>() =>
  byPair(({ rootNamespace }: MeshSettings, objects: readonly MeshObject<Spec>[]) =>
    indexPolicies(objects, rootNamespace),
  );

const kept = {
  destinationRules: byPair((settings: MeshSettings, objects: readonly MeshObject<DestinationRule>[]) =>
    indexDestinationRules(objects, settings),
  ),
  sidecars: byPair((settings: MeshSettings, objects: readonly MeshObject<Sidecar>[]) =>
    indexSidecars(objects, settings.rootNamespace),
  ),
  gateways: byPair((objects: readonly MeshObject<Gateway>[], understood: readonly MeshObject<Gateway>[]) =>
    [...objects, ...understood].sort(byAge),
  ),
  extensions: byPair((settings: MeshSettings, extensions: readonly MeshObject<TrafficExtension>[]) =>
    byIdentity((plugins: readonly MeshObject<WasmPlugin>[]) =>
      indexExtensions(extensions, plugins, settings.rootNamespace),
    ),
  ),
  envoyFilters: byPair((settings: MeshSettings, objects: readonly MeshObject<EnvoyFilter>[]) =>
    indexEnvoyFilters(objects, settings.rootNamespace),
  ),
  virtualServices: byPair((settings: MeshSettings, objects: readonly MeshObject<VirtualService>[]) =>
    byIdentity((understood: readonly Delegating[]) => indexVirtualServices(objects, settings, understood)),
  ),
  peerAuthentications: policyIndex<PeerAuthentication>(),
  authorizationPolicies: policyIndex<AuthorizationPolicy>(),
  telemetries: policyIndex<Telemetry>(),
  rateLimits: policyIndex<RateLimit>(),
};

const withObject = byPair((base: MeshSettings, object: MeshObject<MeshConfig>) => withMeshConfig(base, object.spec));

function settingsOf(base: MeshSettings, objects: readonly MeshObject<MeshConfig>[]): MeshSettings {
  const [config] = objects.filter(({ meta }) => meta.namespace === base.rootNamespace).sort(byAge);
  return config === undefined ? base : withObject(base, config);
}

function sourceLabelKeys(object: MeshObject<VirtualService>): readonly string[] {
  const { http, tls, tcp } = object.spec;
  return [...http, ...tls, ...tcp].flatMap((rule) => rule.match.flatMap((match) => Object.keys(match.sourceLabels)));
}

/** The object behind a name, for findings about an object that was selected earlier. */
export function refOf(object: MeshObject<unknown>): ObjectRef {
  return { kind: object.kind, namespace: object.meta.namespace, name: object.meta.name };
}
