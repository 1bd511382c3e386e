import type * as ir from "@lateen/ir";
import { compareText, formatRef, isEmptyRecord, isIpv4, isIpv6, selects, sortedRecord } from "@lateen/model";
import type { TracedWorkload } from "@lateen/ir";
import type { Interception, Labels, MeshObject, Protocol, ProxyNode } from "@lateen/model";
import { featuresOf } from "./envoy-features.ts";
import type { EnvoyFeature } from "./envoy-features.ts";
import type { EndpointRecord } from "./index/endpoints.ts";
import { workloadAt } from "./index/endpoints.ts";
import type { PreparedPatch } from "./index/envoy-filters.ts";
import { peerModesFor } from "./index/peer-modes.ts";
import type { PeerModes } from "./index/peer-modes.ts";
import { byAge, sameList } from "./index/ordering.ts";
import { byIdentity } from "./index/remember.ts";
import type { PolicyIndex, SelectedPolicies } from "./index/selection.ts";
import type { RecordPort, ServiceRecord } from "./index/service-record.ts";
import { proxySettingsOf } from "./proxy-settings.ts";
import { wishesOf } from "./proxy-wishes.ts";
import type { ProxyWishes } from "./proxy-wishes.ts";
import { tracedWorkload } from "./tracing/traced-workload.ts";
import { vantageOf } from "./spread/vantage.ts";
import type { Vantage } from "./spread/vantage.ts";
import type { ConfigIndexes, MeshSnapshot } from "./snapshot.ts";

/** On a workload: `istio` when its own side speaks mutual TLS. */
export const mutualTlsLabel = "security.istio.io/tlsMode";

/** A port of the proxy's own workload that belongs to a service. */
export interface ServedPort {
  readonly targetPort: number;
  readonly port: number;
  readonly protocol: Protocol;
  readonly host: string;
  readonly name: string;
  readonly namespace: string;
  /** The service's name for it. */
  readonly portName: string;
  /** Declared by a platform's registry. */
  readonly platform: boolean;
}

/**
 * Everything about a proxy that may change its IR; plain JSON. Proxies of equal scope share one IR, so nothing that
 * differs between replicas of a workload belongs here.
 */
export interface ProxyScope {
  readonly type: ProxyNode["type"];
  readonly dataPlane: ProxyNode["dataPlane"];
  readonly namespace: string;
  readonly dnsDomain: string;
  readonly interception: Interception;
  /** The address listeners bind to; only where interception does not take care of it. */
  readonly bind: string;
  readonly agent: boolean;
  readonly wishes?: ProxyWishes;
  /** Who its spans are of; absent where it cannot be asked for any. */
  readonly traced?: TracedWorkload;
  /** Of the proxy's own addresses. */
  readonly families: "v4" | "v6" | "dual";
  /** An agent beside the proxy answers its application's DNS queries. */
  readonly dnsCapture: boolean;
  /** Absent: the binary did not say, everything is assumed. */
  readonly extensions?: readonly string[];
  /** What not every Envoy we serve can be told, and this one can; sorted. */
  readonly features: readonly EnvoyFeature[];
  /** Labels that some rule looks at. */
  readonly labels: Labels;
  readonly serves: readonly ServedPort[];
  readonly peerModes: PeerModes;
  /** Objects selected for this proxy, as `Kind/namespace/name`. */
  readonly policies: readonly string[];
  readonly gateways: readonly string[];
  /** Where it is, as far as any endpoints are chosen by that. */
  readonly vantage?: Vantage;
  /** Some networks are reached through gateways. */
  readonly dividedNetworks?: true;
  /** The Sidecar it is under, as `Sidecar/namespace/name`. */
  readonly sidecar?: string;
  /** TrafficExtensions and WasmPlugins in the order in which they run, as `Kind/namespace/name`; absent without any. */
  readonly trafficExtensions?: readonly string[];
  /** Patches of EnvoyFilters in the order of application, as `EnvoyFilter/namespace/name#0`; absent when there are none. */
  readonly patches?: readonly string[];
  /** Patches that would apply if the binary contained what they configure. */
  readonly unloadable?: readonly string[];
}

/** Where `node` stands in the mesh of `snapshot`. Cheap: run it for each proxy and each revision. */
export function scopeOf(snapshot: MeshSnapshot, node: ProxyNode): ProxyScope {
  const [address = ""] = node.addresses;
  const workload = workloadAt(snapshot.endpoints.workloads, address, node.namespace);
  const labels = { ...node.labels, ...workload?.labels };
  const sidecar = node.type === "sidecar" ? snapshot.sidecars.select(node.namespace, labels) : undefined;
  const vantage = vantageOf(snapshot, node, workload);
  const relevant = Object.entries(labels).filter(([key]) => snapshot.labelKeys.has(key) || matters(node, key));
  const serves = servedPorts(snapshot, node, labels, workload?.ports ?? {});
  const wished = wishesOf(node, proxySettingsOf(node, snapshot.settings));
  const ownAddress = node.dataPlane === "grpc" ? serves.length > 0 : node.interception === "none";
  return {
    type: node.type,
    dataPlane: node.dataPlane,
    namespace: node.namespace,
    dnsDomain: node.dnsDomain,
    interception: node.type === "router" ? "none" : node.interception,
    bind: node.type === "sidecar" && ownAddress ? address : wildcardOf(node),
    agent: node.agent,
    ...wished,
    ...tracedWorkload(snapshot, node, { labels, workload, ownTracer: wished.wishes?.tracing?.ownTracer === true }),
    families: familiesOf(node),
    dnsCapture: node.dnsCapture,
    ...(node.extensions === undefined ? {} : { extensions: node.extensions }),
    features: featuresOf(node.release),
    labels: sortedRecord(Object.fromEntries(relevant)),
    serves,
    peerModes: peerModesFor(snapshot.peerAuthentications, node.namespace, labels),
    policies: selectedPolicies(snapshot, node.namespace, labels),
    gateways:
      node.type === "router"
        ? snapshot.gateways
            .filter((gateway) => selects(gateway.spec.selector, labels) && mayServe(snapshot, gateway, node, labels))
            .map((gateway) => formatRef(gateway.origin))
            .sort()
        : [],
    ...(vantage === undefined ? {} : { vantage }),
    ...(snapshot.networks.divided ? { dividedNetworks: true } : {}),
    ...(sidecar === undefined ? {} : { sidecar: formatRef(sidecar.origin) }),
    ...selectedExtensions(snapshot, node, labels),
    ...selectedPatches(snapshot, node, labels),
  };
}

/** Whether proxies of `namespace` have the scopes in one snapshot that they had in the other. */
export function sameScopes(left: MeshSnapshot, right: MeshSnapshot, namespace: string): boolean {
  if (left === right) return true;
  const { overall, namespaces } = comparison(left)(right);
  if (!overall) return false;
  const known = namespaces.get(namespace);
  if (known !== undefined) return known;
  const services = right.services.byNamespace.get(namespace) ?? [];
  const same =
    services.every(({ key }) => left.endpoints.groups.get(key) === right.endpoints.groups.get(key)) &&
    sameList(policiesAround(left, namespace), policiesAround(right, namespace));
  namespaces.set(namespace, same);
  return same;
}

const comparison = byIdentity((left: MeshSnapshot) => {
  const before = Object.values(scopeInputs(left));
  return byIdentity((right: MeshSnapshot) => ({
    overall: sameList(before, Object.values(scopeInputs(right))),
    namespaces: new Map<string, boolean>(),
  }));
});

type Policies = "peerAuthentications" | "authorizationPolicies" | "telemetries" | "rateLimits";
type NotInScope = "virtualServices" | "destinationRules" | "findings" | "trust";

/** A field that is new among the indexes does not compile until it is named here, above or below. */
function scopeInputs(
  snapshot: MeshSnapshot,
): Omit<ConfigIndexes, NotInScope | Policies> & { readonly workloads: object } {
  const { settings, services, sidecars, gateways, envoyFilters, extensions } = snapshot;
  const { labelKeys, vantage, networks, asksForSpans, endpoints } = snapshot;
  return {
    ...{ settings, services, sidecars, gateways, envoyFilters, extensions },
    ...{ labelKeys, vantage, networks, asksForSpans, workloads: endpoints.workloads },
  };
}

/** A policy concerns its own namespace, unless it is in the root namespace. */
function policiesAround(snapshot: MeshSnapshot, namespace: string): readonly unknown[] {
  const { peerAuthentications, authorizationPolicies, telemetries, rateLimits } = snapshot;
  const indexes: { readonly [Kind in Policies]: PolicyIndex<unknown> } = {
    ...{ peerAuthentications, authorizationPolicies, telemetries, rateLimits },
  };
  return Object.values(indexes).flatMap((index) => [...index.around(namespace), undefined]);
}

function selectedExtensions(
  { extensions }: MeshSnapshot,
  node: ProxyNode,
  labels: Labels,
): Pick<ProxyScope, "trafficExtensions"> {
  const selected = node.dataPlane === "grpc" ? [] : extensions.forWorkload(node.namespace, labels);
  return selected.length === 0 ? {} : { trafficExtensions: selected.map(({ ref }) => ref) };
}

function selectedPatches(
  snapshot: MeshSnapshot,
  node: ProxyNode,
  labels: Labels,
): Pick<ProxyScope, "patches" | "unloadable"> {
  const meant = node.dataPlane === "grpc" ? [] : snapshot.envoyFilters.forProxy(node, labels);
  const isLoadable = ({ configTypes }: PreparedPatch): boolean =>
    configTypes.every((type) => node.configTypes?.has(type) ?? true);
  const [patches, unloadable] = [meant.filter(isLoadable), meant.filter((patch) => !isLoadable(patch))];
  return {
    ...(patches.length === 0 ? {} : { patches: patches.map(({ ref }) => ref) }),
    ...(unloadable.length === 0 ? {} : { unloadable: unloadable.map(({ ref }) => ref) }),
  };
}

/** What EnvoyFilters change of what `node` is started with, each by its `EnvoyFilter/namespace/name#0`; in order. */
export function bootstrapPatchesOf(
  snapshot: MeshSnapshot,
  node: ProxyNode,
): readonly { readonly ref: string; readonly patch: ir.Patch }[] {
  const [address = ""] = node.addresses;
  const workload = workloadAt(snapshot.endpoints.workloads, address, node.namespace);
  return snapshot.envoyFilters.forBootstrap(node, { ...node.labels, ...workload?.labels });
}

function familiesOf({ addresses }: ProxyNode): ProxyScope["families"] {
  const v6 = addresses.some(isIpv6);
  return !v6 ? "v4" : addresses.some(isIpv4) ? "dual" : "v6";
}

/** What a proxy binds where any address will do. */
function wildcardOf(node: ProxyNode): string {
  return familiesOf(node) === "v6" ? "::" : "0.0.0.0";
}

/** On pods that a Gateway of the Kubernetes Gateway API brought about. */
const managedLabel = "gateway.istio.io/managed";

function mayServe({ settings }: MeshSnapshot, gateway: MeshObject<unknown>, node: ProxyNode, labels: Labels): boolean {
  if (gateway.meta.namespace === node.namespace) return true;
  const { ownNamespaceOnly, managedOwnNamespaceOnly } = settings.gateways;
  return !ownNamespaceOnly && !(managedOwnNamespaceOnly && labels[managedLabel] !== undefined);
}

/** Labels that the compiler itself looks at, besides those that rules select by. */
function matters({ dataPlane }: ProxyNode, label: string): boolean {
  return dataPlane === "grpc" && label === mutualTlsLabel;
}

/** Secrets of its own namespace that a sidecar may ask for: those that rules selecting it name. */
export function credentialsOf(snapshot: MeshSnapshot, node: ProxyNode): readonly string[] {
  return snapshot.destinationRules.credentialsOf(scopeOf(snapshot, node));
}

/** Secrets for registries of images that extensions of a proxy name. */
export function pullSecretsOf(
  snapshot: MeshSnapshot,
  node: ProxyNode,
): readonly NonNullable<ir.WasmCode["pullSecret"]>[] {
  const { trafficExtensions = [] } = scopeOf(snapshot, node);
  return trafficExtensions.flatMap((ref) => {
    const { code } = snapshot.extensions.find(ref)?.extension ?? {};
    return code?.kind === "wasm" && code.pullSecret !== undefined ? [code.pullSecret] : [];
  });
}

/** Equal for two scopes if and only if they are. */
export const scopeKey = byIdentity((scope: ProxyScope): string => {
  const { extensions, features } = scope;
  const binary = extensions === undefined ? [features] : [features, numberOf(extensions)];
  return `${callerKey(scope)} ${JSON.stringify(binary)}`;
});

/** Equal for two scopes if nothing but what their binaries are able to do tells them apart. */
export const callerKey = byIdentity(({ extensions: _extensions, features: _features, ...rest }: ProxyScope): string =>
  JSON.stringify(rest),
);

/** Proxies of one binary list the same hundreds of names: a number stands for the list. */
const numbers = new WeakMap<readonly string[], number>();
const numberOfNames = new Map<string, number>();
const knownLists = 1_000;
let lastNumber = 0;

function numberOf(names: readonly string[]): number {
  const known = numbers.get(names);
  if (known !== undefined) return known;
  const text = names.join("\n");
  if (numberOfNames.size >= knownLists) numberOfNames.clear();
  const number = numberOfNames.get(text) ?? ++lastNumber;
  numberOfNames.set(text, number);
  numbers.set(names, number);
  return number;
}

/** The policies of one kind that a scope is under; each list is oldest first. */
export function policiesOf<Spec>(index: PolicyIndex<Spec>, scope: ProxyScope): SelectedPolicies<Spec> {
  const { mesh, namespace } = index.forWorkload(scope.namespace, {});
  const workload = scope.policies.flatMap((ref) => index.find(ref) ?? []).sort(byAge);
  return { mesh, namespace, workload };
}

function selectedPolicies(snapshot: MeshSnapshot, namespace: string, labels: Labels): readonly string[] {
  const selected: readonly MeshObject<unknown>[] = [
    ...snapshot.authorizationPolicies.forWorkload(namespace, labels).workload,
    ...snapshot.telemetries.forWorkload(namespace, labels).workload,
    ...snapshot.rateLimits.forWorkload(namespace, labels).workload,
  ];
  return selected.map((object) => `${object.kind}/${object.meta.namespace}/${object.meta.name}`).sort();
}

/** By selector, which also holds before the pod is in any slice, else by an endpoint with the proxy's address. */
function servedPorts(
  snapshot: MeshSnapshot,
  node: ProxyNode,
  labels: Labels,
  containerPorts: Readonly<Record<string, number>>,
): readonly ServedPort[] {
  const served: ServedPort[] = [];
  for (const service of snapshot.services.byNamespace.get(node.namespace) ?? []) {
    const byAddress = recordsByAddress(snapshot.endpoints.groups.get(service.key)?.records ?? noRecords);
    const records = node.addresses.flatMap((address) => byAddress.get(address) ?? []);
    const selector = service.workloadSelector ?? service.selector;
    if (records.length === 0 && (isEmptyRecord(selector) || !selects(selector, labels))) continue;
    for (const port of service.ports) {
      const targetPort = targetOf(port, records, containerPorts);
      if (targetPort !== undefined) served.push(servedPort(service, port, targetPort));
    }
  }
  return served.sort(
    (left, right) => left.targetPort - right.targetPort || compareText(left.host, right.host) || left.port - right.port,
  );
}

const noRecords: readonly EndpointRecord[] = [];

const recordsByAddress = byIdentity((records: readonly EndpointRecord[]) =>
  Map.groupBy(records, ({ address }) => address),
);

function targetOf(
  port: RecordPort,
  records: readonly EndpointRecord[],
  containerPorts: Readonly<Record<string, number>>,
): number | undefined {
  for (const record of records) {
    const found = record.portFor(port.name, port.number, port.targetPort);
    if (found !== undefined) return found;
  }
  return port.targetPort || (port.targetPortName === "" ? port.number : containerPorts[port.targetPortName]);
}

function servedPort(service: ServiceRecord, port: RecordPort, targetPort: number): ServedPort {
  const { host, name, namespace, platform } = service;
  return {
    ...{ targetPort, port: port.number, protocol: port.protocol, portName: port.name },
    ...{ host, name, namespace, platform },
  };
}
