import { compareText, isIpv4, parseCidr } from "@lateen/model";
import type { Labels, ObjectRef, Protocol, Service } from "@lateen/model";
import { protocolOf, resolutions } from "../istio-names.ts";
import type { ServiceEntry } from "../istio.ts";
import type { MeshObject } from "@lateen/model";
import { byIdentity } from "./remember.ts";

/** How a client finds a service's addresses. `by-request`: what each names; `none`: wherever the caller was going. */
export type Resolution = "endpoints" | "dns" | "dns-round-robin" | "by-request" | "none";

export interface RecordPort {
  readonly name: string;
  readonly number: number;
  readonly protocol: Protocol;
  readonly targetPort: number;
  readonly targetPortName: string;
}

/** A service as the compiler sees it, whichever registry or ServiceEntry declared it. */
export interface ServiceRecord {
  /** `namespace/host`: what endpoints are found by. */
  readonly key: string;
  readonly host: string;
  readonly name: string;
  readonly namespace: string;
  /** From a platform registry; it wins over a ServiceEntry for the same host. */
  readonly platform: boolean;
  readonly external: boolean;
  readonly resolution: Resolution;
  readonly headless: boolean;
  readonly publishNotReady?: true;
  /** Addresses or ranges clients use for it. */
  readonly addresses: readonly string[];
  /** What proxies that also answer their application's DNS queries use where there are none. */
  readonly givenAddresses: readonly string[];
  /** All `addresses` are one place, which has an address of each family. */
  readonly dualStack?: true;
  readonly ports: readonly RecordPort[];
  readonly selector: Labels;
  /** Where another name takes over (Kubernetes ExternalName); empty otherwise. */
  readonly externalName: string;
  /** Hosts of services that only say it goes by another name (ExternalName), sorted. */
  readonly aliases?: readonly string[];
  /** Workloads of the namespace that serve it (ServiceEntry workloadSelector). */
  readonly workloadSelector?: Labels;
  readonly entryEndpoints: readonly EntryEndpoint[];
  readonly subjectAltNames: readonly string[];
  /** Which endpoints its callers want first, where no rule says. */
  readonly preference?: "zone" | "node" | "network";
  readonly exportTo: readonly string[];
  /** Nobody else sees it, whatever `exportTo` says. */
  readonly ownNamespaceOnly?: true;
  readonly createdAtMs: number;
  readonly origin: ObjectRef;
}

/** An endpoint written in a ServiceEntry. */
export interface EntryEndpoint {
  /** What it is called as a workload: after its ServiceEntry, or the Service it stands for. */
  readonly workloadName: string;
  readonly address: string;
  readonly ports: Readonly<Record<string, number>>;
  readonly labels: Labels;
  readonly locality: string;
  readonly weight: number;
  readonly serviceAccount: string;
  readonly network: string;
}

export function serviceKey(namespace: string, host: string): string {
  return `${namespace}/${host}`;
}

/** The same record for the same service. */
export const recordOfService = byIdentity(serviceRecord);

function serviceRecord(service: Service): ServiceRecord {
  const { host, name, namespace } = service;
  return {
    key: serviceKey(namespace, host),
    host,
    name,
    namespace,
    platform: true,
    external: service.externalName !== "",
    resolution: service.externalName === "" ? "endpoints" : "dns",
    headless: service.headless,
    ...(service.publishNotReady ? { publishNotReady: true } : {}),
    ...preferenceOf(service.annotations),
    addresses: service.addresses,
    givenAddresses: [],
    ports: service.ports.filter((port) => port.protocol !== "udp"),
    selector: service.selector,
    externalName: service.externalName,
    entryEndpoints: service.externalName === "" ? [] : [looksUpAs(name, service.externalName)],
    subjectAltNames: [],
    exportTo: service.exportTo,
    createdAtMs: service.createdAtMs,
    origin: service.origin,
  };
}

/** One record for each host of a ServiceEntry, the same ones for the same object. */
export const recordsOfEntry = byIdentity(entryRecords);

function entryRecords(object: MeshObject<ServiceEntry>): readonly ServiceRecord[] {
  const { spec, meta, state } = object;
  const resolution = resolutionOf(spec);
  // What requests name counts, so there is nobody else to send to.
  const looksUp = resolution === "by-request";
  const endpoints = looksUp ? [] : entryEndpoints(spec, meta.name);
  return [...new Set(spec.hosts)].map((written) => {
    const host = written.toLowerCase();
    return {
      key: serviceKey(meta.namespace, host),
      host,
      name: host,
      namespace: meta.namespace,
      platform: false,
      external: spec.location === 0,
      resolution,
      headless: false,
      addresses: [...new Set(spec.addresses.map(withoutFullLength))].sort(),
      ...preferenceOf(meta.annotations),
      givenAddresses: (state?.addresses ?? []).filter((each) => each.host === host).map((each) => each.address),
      ports: spec.ports
        .map((port) => ({
          name: port.name,
          number: port.number,
          protocol: protocolOf(port.protocol),
          targetPort: port.targetPort,
          targetPortName: "",
        }))
        .filter((port) => port.protocol !== "udp"),
      selector: {},
      externalName: "",
      ...(spec.workloadSelector === undefined || looksUp ? {} : { workloadSelector: spec.workloadSelector.labels }),
      // A DNS entry without endpoints resolves its own host.
      entryEndpoints:
        endpoints.length === 0 && resolution.startsWith("dns") && spec.workloadSelector === undefined
          ? [looksUpAs(meta.name, host)]
          : endpoints,
      subjectAltNames: [...spec.subjectAltNames].sort(),
      exportTo: spec.exportTo,
      ...(state?.ownNamespaceOnly === true ? { ownNamespaceOnly: true } : {}),
      createdAtMs: meta.createdAtMs,
      origin: object.origin,
    };
  });
}

/** `spec.trafficDistribution` of a Kubernetes Service comes as this annotation, too. */
const distributionAnnotation = "networking.istio.io/traffic-distribution";
const distributions: Readonly<Record<string, NonNullable<ServiceRecord["preference"]>>> = {
  preferclose: "zone",
  prefersamezone: "zone",
  prefersamenode: "node",
  prefersamenetwork: "network",
};

function preferenceOf(annotations: Labels): Pick<ServiceRecord, "preference"> {
  const preference = distributions[annotations[distributionAnnotation]?.toLowerCase() ?? ""];
  return preference === undefined ? {} : { preference };
}

/** `10.0.0.1/32` is a single address. */
function withoutFullLength(address: string): string {
  const range = parseCidr(address);
  return range !== undefined && range.length === (isIpv4(range.address) ? 32 : 128) ? range.address : address;
}

function resolutionOf(spec: ServiceEntry): Resolution {
  switch (resolutions[spec.resolution] ?? "none") {
    case "static":
      return "endpoints";
    case "dns":
      return "dns";
    case "dns-round-robin":
      return "dns-round-robin";
    case "dynamic-dns":
      return "by-request";
    default:
      return "none";
  }
}

/** The endpoint of a service that is a name to be looked up. */
function looksUpAs(workloadName: string, address: string): EntryEndpoint {
  return { workloadName, address, ports: {}, labels: {}, locality: "", weight: 0, serviceAccount: "", network: "" };
}

function entryEndpoints(spec: ServiceEntry, name: string): readonly EntryEndpoint[] {
  return spec.endpoints
    .map(({ address, ports, labels, locality, weight, serviceAccount, network }, index) => ({
      workloadName: `${name}-${index}`,
      address,
      ports,
      labels,
      locality,
      weight,
      serviceAccount,
      network: network || (labels["topology.istio.io/network"] ?? ""),
    }))
    .sort(
      (left, right) =>
        compareText(left.address, right.address) || compareText(JSON.stringify(left), JSON.stringify(right)),
    );
}

/** Platform services first, then the oldest, then by namespace: who owns a host that several declare. */
export function byOwnership(left: ServiceRecord, right: ServiceRecord): number {
  return (
    Number(right.platform) - Number(left.platform) ||
    left.createdAtMs - right.createdAtMs ||
    compareText(left.key, right.key) ||
    compareText(left.origin.name, right.origin.name)
  );
}
