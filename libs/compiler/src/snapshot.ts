import type { EndpointSlice, Finding, MeshObject, ObjectRef, Service, Workload } from "@lateen/model";
import { Findings } from "./findings.ts";
import { indexDestinationRules } from "./index/destination-rules.ts";
import type { DestinationRuleIndex } from "./index/destination-rules.ts";
import { indexEndpoints, indexWorkloads } from "./index/endpoints.ts";
import type { EndpointGroup, EndpointIndex } from "./index/endpoints.ts";
import { byAge, sameElements } from "./index/ordering.ts";
import { indexPolicies } from "./index/selection.ts";
import type { PolicyIndex } from "./index/selection.ts";
import { indexServices } from "./index/services.ts";
import type { ServiceIndex } from "./index/services.ts";
import { indexVirtualServices } from "./index/virtual-services.ts";
import type { VirtualServiceIndex } from "./index/virtual-services.ts";
import type {
  AuthorizationPolicy,
  DestinationRule,
  Gateway,
  MeshConfig,
  PeerAuthentication,
  RateLimit,
  ServiceEntry,
  Telemetry,
  VirtualService,
} from "./istio.ts";
import { withMeshConfig } from "./settings.ts";
import type { MeshSettings } from "./settings.ts";

/** Everything known about the mesh at one revision. Lists in any order; elements are immutable and kept by reference. */
export interface MeshState {
  readonly revision: bigint;
  readonly configs: readonly MeshObject<unknown>[];
  readonly services: readonly Service[];
  readonly slices: readonly EndpointSlice[];
  readonly workloads: readonly Workload[];
  readonly trust: readonly { readonly trustDomain: string; readonly roots: readonly string[] }[];
  /** Settings before any MeshConfig object in `configs`, which is applied on top. */
  readonly meshConfig: MeshSettings;
}

export interface ConfigIndexes {
  readonly settings: MeshSettings;
  readonly services: ServiceIndex;
  readonly virtualServices: VirtualServiceIndex;
  readonly destinationRules: DestinationRuleIndex;
  /** Oldest first. */
  readonly gateways: readonly MeshObject<Gateway>[];
  readonly peerAuthentications: PolicyIndex<PeerAuthentication>;
  readonly authorizationPolicies: PolicyIndex<AuthorizationPolicy>;
  readonly telemetries: PolicyIndex<Telemetry>;
  readonly rateLimits: PolicyIndex<RateLimit>;
  /** Conflicts seen while indexing, which concern no single proxy. */
  readonly findings: readonly Finding[];
  /** Label names that some rule selects proxies by; no other label may influence a compilation. */
  readonly labelKeys: ReadonlySet<string>;
}

/** An immutable, indexed view of the mesh. */
export interface MeshSnapshot extends ConfigIndexes {
  readonly revision: bigint;
  readonly state: MeshState;
  readonly endpoints: EndpointIndex;
  /**
   * The same object in two snapshots means that every scope compiles to the same IR in both: only endpoints moved,
   * and only the endpoints lane has work to do.
   */
  readonly compileInputs: object;
}

/** Indexes `state`; what did not change since `previous` is taken over, so endpoint changes are cheap. */
export function createSnapshot(state: MeshState, previous?: MeshSnapshot): MeshSnapshot {
  const sameConfigs =
    previous !== undefined &&
    previous.state.meshConfig === state.meshConfig &&
    sameElements(previous.state.configs, state.configs) &&
    sameElements(previous.state.services, state.services);
  const indexes: ConfigIndexes = sameConfigs ? previous : indexConfigs(state);
  const workloads =
    previous !== undefined && sameElements(previous.state.workloads, state.workloads)
      ? previous.endpoints.workloads
      : indexWorkloads(state.workloads);
  const endpoints = indexEndpoints(state.slices, workloads, indexes.services, previous?.endpoints);
  const sameInputs = sameConfigs && compileSeesTheSame(indexes.services, previous.endpoints, endpoints);
  return {
    ...pickIndexes(indexes),
    state,
    endpoints,
    revision: state.revision,
    compileInputs: sameInputs ? previous.compileInputs : { revision: state.revision },
  };
}

function pickIndexes(from: ConfigIndexes): ConfigIndexes {
  const {
    settings,
    services,
    virtualServices,
    destinationRules,
    gateways,
    peerAuthentications,
    authorizationPolicies,
    telemetries,
    rateLimits,
    findings,
    labelKeys,
  } = from;
  return {
    settings,
    services,
    virtualServices,
    destinationRules,
    gateways,
    peerAuthentications,
    authorizationPolicies,
    telemetries,
    rateLimits,
    findings,
    labelKeys,
  };
}

/**
 * Of endpoints, compilation sees the identities behind a service, whether all of them speak mutual TLS and, for headless
 * services, the addresses.
 */
function compileSeesTheSame(services: ServiceIndex, before: EndpointIndex, after: EndpointIndex): boolean {
  for (const key of new Set([...before.groups.keys(), ...after.groups.keys()])) {
    const earlier = before.groups.get(key);
    const later = after.groups.get(key);
    if (earlier !== later && seenOf(services, key, earlier) !== seenOf(services, key, later)) return false;
  }
  return true;
}

function seenOf(services: ServiceIndex, key: string, group: EndpointGroup | undefined): string {
  const headless = services.byKey.get(key)?.headless === true;
  const addresses = headless ? (group?.records ?? []).map((record) => record.address) : [];
  return JSON.stringify([group?.accounts ?? [], group?.allMutualTls ?? false, addresses]);
}

function indexConfigs(state: MeshState): ConfigIndexes {
  const findings = new Findings();
  const settings = settingsOf(state);
  const of = <Spec>(kind: string): readonly MeshObject<Spec>[] =>
    state.configs.filter((object) => object.kind === kind) as readonly MeshObject<Spec>[];
  const virtualServices = of<VirtualService>("VirtualService");
  const destinationRules = indexDestinationRules(of<DestinationRule>("DestinationRule"), settings, findings);
  const gateways = [...of<Gateway>("Gateway")].sort(byAge);
  const policies = {
    peerAuthentications: indexPolicies(of<PeerAuthentication>("PeerAuthentication"), settings.rootNamespace),
    authorizationPolicies: indexPolicies(of<AuthorizationPolicy>("AuthorizationPolicy"), settings.rootNamespace),
    telemetries: indexPolicies(of<Telemetry>("Telemetry"), settings.rootNamespace),
    rateLimits: indexPolicies(of<RateLimit>("RateLimit"), settings.rootNamespace),
  };
  const services = indexServices(state.services, of<ServiceEntry>("ServiceEntry"), settings, findings);
  return {
    settings,
    services,
    destinationRules,
    gateways,
    ...policies,
    virtualServices: indexVirtualServices(virtualServices, settings),
    findings: findings.list(),
    labelKeys: new Set([...destinationRules.selectorKeys, ...virtualServices.flatMap(sourceLabelKeys)]),
  };
}

function settingsOf(state: MeshState): MeshSettings {
  const objects = state.configs.filter(
    (object) => object.kind === "MeshConfig" && object.meta.namespace === state.meshConfig.rootNamespace,
  );
  const [config] = [...objects].sort(byAge) as MeshObject<MeshConfig>[];
  return config === undefined ? state.meshConfig : withMeshConfig(state.meshConfig, config.spec);
}

function sourceLabelKeys(object: MeshObject<VirtualService>): readonly string[] {
  return object.spec.http.flatMap((rule) => rule.match.flatMap((match) => Object.keys(match.sourceLabels)));
}

/** The object behind a name, for findings about an object that was selected earlier. */
export function refOf(object: MeshObject<unknown>): ObjectRef {
  return { kind: object.kind, namespace: object.meta.namespace, name: object.meta.name };
}
