import { ingressControlOf } from "@lateen/api";
import type { IngressControl } from "@lateen/api";
import type * as ir from "@lateen/ir";
import { isEmptyRecord, mostSpecificMatch } from "@lateen/model";
import { milliseconds } from "./durations.ts";
import type { CaCertificates } from "./index/trust-anchors.ts";
import type {
  ClientTls,
  ConnectionPool,
  ExtensionProvider,
  HttpRetry,
  LocalityChoice,
  MeshConfig,
  Outliers,
  ProxySettings,
  ZoneAwareSetting,
} from "./istio.ts";

/** Mesh-wide settings, with every default filled in. */
export interface MeshSettings {
  readonly rootNamespace: string;
  readonly trustDomain: string;
  readonly trustDomainAliases: readonly string[];
  /** DNS domain of cluster services. */
  readonly domain: string;
  readonly outboundPort: number;
  readonly inboundPort: number;
  /** Of the listener that is an HTTP proxy to applications; 0: none. */
  readonly httpProxyPort: number;
  readonly connectTimeoutMs: number;
  readonly protocolDetectionTimeoutMs: number;
  readonly dnsRefreshMs: number;
  /** `look-up`: requests go to where DNS says, everything else as with `allow-any`. */
  readonly outboundPolicy: "allow-any" | "registry-only" | "look-up";
  readonly unknownHostTls?: ClientTls;
  /** Calls that come in go on to where they were going, or to 127.0.0.1. */
  readonly inboundPolicy: "passthrough" | "localhost";
  readonly autoMtls: boolean;
  readonly accessLogFile: string;
  /** Empty: the built-in format. */
  readonly accessLogFormat: string;
  readonly accessLogEncoding: "text" | "json";
  readonly defaultAccessLogProviders: readonly string[];
  /** Where no rule says anything about access logs, the service that proxies know from their start gets them. */
  readonly accessLogService: boolean;
  /** Connections that no filter chain takes are logged, too. */
  readonly listenerLogs: boolean;
  readonly defaultTracingProviders: readonly string[];
  /** Where no rule says anything about spans, tracers of proxies' bootstraps get them. */
  readonly ownTracers: boolean;
  readonly providers: ReadonlyMap<string, ExtensionProvider>;
  readonly variable: VariableLookup;
  /** Some tracer names services by OpenTelemetry's conventions. */
  readonly conventionalServices: boolean;
  /** For proxies that do not say what they were started with. */
  readonly proxyDefaults?: ProxySettings;
  readonly exportTo: {
    readonly services: readonly string[];
    readonly virtualServices: readonly string[];
    readonly destinationRules: readonly string[];
  };
  readonly defaultRetry?: HttpRetry;
  readonly inboundRetry?: HttpRetry;
  readonly pathNormalization: "as-is" | "normalize" | "merge-slashes" | "decode-and-merge-slashes";
  /** Of mutual TLS inside the mesh, and of all other TLS. */
  readonly meshTls: TlsLimits;
  readonly otherTls: TlsLimits;
  /** Patterns of what statistics call clusters; empty: by their names. */
  readonly statNames: { readonly inbound: string; readonly outbound: string };
  readonly keepalive?: NonNullable<ConnectionPool["tcp"]>["tcpKeepalive"];
  readonly upgradeToHttp2: boolean;
  readonly locality: LocalityChoice;
  readonly zoneAware: ZoneAwareSetting | undefined;
  /** Services and workloads are met at an address of each family; off: at their first. */
  readonly dualStack: boolean;
  /** Hosts, possibly wildcards: whether callers stay in their own cluster. The most specific counts. */
  readonly clusterLocal: ReadonlyMap<string, boolean>;
  /** Off: a server whose rule names no authority is believed whatever it shows, and names are looked at where a rule has some. */
  readonly verifyServers: boolean;
  /** Who vouches for peers beside the mesh's CA. */
  readonly caCertificates: readonly CaCertificates[];
  /** Under every DestinationRule, part by part. */
  readonly defaultPolicy: { readonly connectionPool?: ConnectionPool; readonly outlierDetection?: Outliers };
  /** Protocols whose bytes are read, where the proxy's binary can. */
  readonly networkFilters: NetworkFilters;
  readonly gateways: GatewayScoping;
  readonly ingress: IngressSettings;
}

/** `namespace`: of the Gateways that Ingresses are read as. */
export type IngressSettings = IngressControl & { readonly namespace: string };

export interface NetworkFilters {
  readonly mongo: boolean;
  readonly mysql: boolean;
  readonly redis: boolean;
}

/** Which Gateways a gateway's proxy takes from other namespaces. */
export interface GatewayScoping {
  /** None. */
  readonly ownNamespaceOnly: boolean;
  /** None, for proxies that a Gateway of the Kubernetes Gateway API brought about. */
  readonly managedOwnNamespaceOnly: boolean;
}

export interface TlsLimits {
  readonly minimumVersion?: ir.TlsVersion;
  readonly cipherSuites: readonly string[];
  readonly curves: readonly string[];
}

const noLimits: TlsLimits = { cipherSuites: [], curves: [] };

/** A variable of the control plane's own environment, by its name: the same answer for as long as it runs. */
export type VariableLookup = (name: string) => string | undefined;

/** What an installation decides before any MeshConfig is read. */
export interface Installation {
  readonly rootNamespace?: string;
  readonly trustDomain?: string;
  readonly domain?: string;
  readonly dualStack?: boolean;
  readonly verifyServers?: boolean;
  readonly networkFilters?: NetworkFilters;
  readonly gateways?: GatewayScoping;
  /** Default: there are none. */
  readonly variable?: VariableLookup;
}

/** Where outliers are detected, requests stay near and fail over by region, zone and subzone. */
const nearFirst: LocalityChoice = { enabled: true, distribute: [], failover: [], failoverPriority: [] };

/** Istio's defaults. */
export function defaultMeshSettings(installation: Installation = {}): MeshSettings {
  const { rootNamespace = "istio-system", domain = "cluster.local" } = installation;
  return {
    rootNamespace,
    trustDomain: installation.trustDomain ?? "cluster.local",
    trustDomainAliases: [],
    domain,
    outboundPort: 15001,
    inboundPort: 15006,
    httpProxyPort: 0,
    connectTimeoutMs: 10_000,
    protocolDetectionTimeoutMs: 0,
    dnsRefreshMs: 60_000,
    outboundPolicy: "allow-any",
    inboundPolicy: "passthrough",
    autoMtls: true,
    accessLogFile: "",
    accessLogFormat: "",
    accessLogEncoding: "text",
    defaultAccessLogProviders: [],
    accessLogService: false,
    listenerLogs: true,
    defaultTracingProviders: [],
    ownTracers: true,
    providers: new Map(),
    variable: installation.variable ?? (() => undefined),
    conventionalServices: false,
    statNames: { inbound: "", outbound: "" },
    exportTo: { services: [], virtualServices: [], destinationRules: [] },
    upgradeToHttp2: false,
    pathNormalization: "normalize",
    meshTls: noLimits,
    otherTls: noLimits,
    locality: nearFirst,
    zoneAware: undefined,
    clusterLocal: inOwnCluster(domain, `istiod.${rootNamespace}.svc`),
    dualStack: installation.dualStack ?? false,
    verifyServers: installation.verifyServers ?? true,
    caCertificates: [],
    defaultPolicy: {},
    networkFilters: installation.networkFilters ?? { mongo: true, mysql: false, redis: false },
    gateways: installation.gateways ?? { ownNamespaceOnly: false, managedOwnNamespaceOnly: true },
    ingress: { ...ingressControlOf(), namespace: installation.rootNamespace ?? "istio-system" },
  };
}

/** `base` as changed by a MeshConfig; what it does not set keeps its value. */
export function withMeshConfig(base: MeshSettings, config: MeshConfig): MeshSettings {
  return {
    ...base,
    rootNamespace: config.rootNamespace || base.rootNamespace,
    trustDomain: config.trustDomain || base.trustDomain,
    trustDomainAliases: config.trustDomainAliases,
    outboundPort: config.proxyListenPort || base.outboundPort,
    inboundPort: config.proxyInboundListenPort || base.inboundPort,
    httpProxyPort: config.proxyHttpPort || base.httpProxyPort,
    statNames: { inbound: config.inboundClusterStatName, outbound: config.outboundClusterStatName },
    connectTimeoutMs: duration(config.connectTimeout, base.connectTimeoutMs),
    protocolDetectionTimeoutMs: duration(config.protocolDetectionTimeout, base.protocolDetectionTimeoutMs),
    dnsRefreshMs: duration(config.dnsRefreshRate, base.dnsRefreshMs),
    ...outboundPolicyOf(base, config),
    inboundPolicy: config.inboundTrafficPolicy?.mode === 1 ? "localhost" : base.inboundPolicy,
    autoMtls: config.enableAutoMtls ?? base.autoMtls,
    accessLogFile: config.accessLogFile || base.accessLogFile,
    accessLogFormat: config.accessLogFormat || base.accessLogFormat,
    accessLogEncoding: config.accessLogEncoding === 1 ? "json" : base.accessLogEncoding,
    defaultAccessLogProviders: config.defaultProviders?.accessLogging ?? base.defaultAccessLogProviders,
    accessLogService: config.enableEnvoyAccessLogService,
    listenerLogs: !config.disableEnvoyListenerLog,
    defaultTracingProviders: config.defaultProviders?.tracing ?? base.defaultTracingProviders,
    ownTracers: config.enableTracing,
    ...(config.defaultConfig === undefined ? {} : { proxyDefaults: config.defaultConfig }),
    conventionalServices: base.conventionalServices || config.extensionProviders.some(isConventional),
    providers: new Map([
      ...base.providers,
      ...config.extensionProviders.map((provider) => [provider.name, provider] as const),
    ]),
    exportTo: {
      services: config.defaultServiceExportTo,
      virtualServices: config.defaultVirtualServiceExportTo,
      destinationRules: config.defaultDestinationRuleExportTo,
    },
    upgradeToHttp2: config.h2UpgradePolicy === 1,
    pathNormalization: pathNormalizations[config.pathNormalization?.normalization ?? 0] ?? base.pathNormalization,
    meshTls: tlsLimits(config.meshMTLS) ?? base.meshTls,
    otherTls: tlsLimits(config.tlsDefaults) ?? base.otherTls,
    ...(config.defaultInboundHttpRetryPolicy === undefined
      ? {}
      : { inboundRetry: config.defaultInboundHttpRetryPolicy }),
    ingress: { ...ingressControlOf(config), namespace: base.ingress.namespace },
    locality: config.localityLbSetting ?? base.locality,
    zoneAware: config.zoneAwareLbSetting ?? base.zoneAware,
    clusterLocal: clusterLocalOf(base, config),
    caCertificates: config.caCertificates.flatMap(caCertificatesOf),
    defaultPolicy: defaultPolicyOf(config),
    ...(config.defaultHttpRetryPolicy === undefined ? {} : { defaultRetry: config.defaultHttpRetryPolicy }),
    ...(config.tcpKeepalive === undefined || isEmptyRecord(config.tcpKeepalive)
      ? {}
      : { keepalive: config.tcpKeepalive }),
  };
}

/** `serviceAttributeEnrichment: OTEL_SEMANTIC_CONVENTIONS` */
export function isConventional({ provider }: ExtensionProvider): boolean {
  return provider.case === "opentelemetry" && provider.value.serviceAttributeEnrichment === 1;
}

function outboundPolicyOf(
  base: MeshSettings,
  { outboundTrafficPolicy: policy }: MeshConfig,
): Pick<MeshSettings, "outboundPolicy" | "unknownHostTls"> {
  const [registryOnly, lookUp] = [0, 3];
  if (policy === undefined) return { outboundPolicy: base.outboundPolicy };
  if (policy.mode === lookUp)
    return { outboundPolicy: "look-up", ...(policy.tls === undefined ? {} : { unknownHostTls: policy.tls }) };
  return { outboundPolicy: policy.mode === registryOnly ? "registry-only" : "allow-any" };
}

function caCertificatesOf({
  certificateData,
  trustDomains,
}: MeshConfig["caCertificates"][number]): readonly CaCertificates[] {
  switch (certificateData.case) {
    case "pem":
      return [{ source: { pem: certificateData.value }, trustDomains }];
    case "spiffeBundleUrl":
      return [{ source: { url: certificateData.value }, trustDomains }];
    default:
      return [];
  }
}

/** What Istio keeps in one cluster unless it is told otherwise: the API server, kube-system and the control plane. */
function inOwnCluster(domain: string, discoveryHost: string): ReadonlyMap<string, boolean> {
  const full = discoveryHost.endsWith(domain) ? discoveryHost : `${discoveryHost}.${domain}`;
  return new Map([`*.kube-system.svc.${domain}`, `kubernetes.default.svc.${domain}`, full].map((host) => [host, true]));
}

function clusterLocalOf(base: MeshSettings, config: MeshConfig): ReadonlyMap<string, boolean> {
  const [discoveryHost = ""] = config.defaultConfig?.discoveryAddress.split(":") ?? [];
  return new Map([
    ...(discoveryHost === "" ? base.clusterLocal : inOwnCluster(base.domain, discoveryHost)),
    ...config.serviceSettings.flatMap(({ hosts, settings }) =>
      hosts.map((host) => [host.toLowerCase(), settings?.clusterLocal === true] as const),
    ),
  ]);
}

export function isClusterLocal({ clusterLocal }: MeshSettings, host: string): boolean {
  const pattern = mostSpecificMatch(clusterLocal.keys(), host);
  return pattern !== undefined && clusterLocal.get(pattern) === true;
}

function defaultPolicyOf({ defaultTrafficPolicy }: MeshConfig): MeshSettings["defaultPolicy"] {
  const { connectionPool, outlierDetection } = defaultTrafficPolicy ?? {};
  return {
    ...(connectionPool === undefined ? {} : { connectionPool }),
    ...(outlierDetection === undefined ? {} : { outlierDetection }),
  };
}

/** By Istio's number; 0 is "as the mesh has it". */
const pathNormalizations = [
  undefined,
  "as-is",
  "normalize",
  "merge-slashes",
  "decode-and-merge-slashes",
] as const satisfies readonly (MeshSettings["pathNormalization"] | undefined)[];

function tlsLimits(config: MeshConfig["meshMTLS"]): TlsLimits | undefined {
  if (config === undefined) return undefined;
  const minimum = [undefined, "1.2", "1.3"] as const;
  const minimumVersion = minimum[config.minProtocolVersion];
  return {
    ...(minimumVersion === undefined ? {} : { minimumVersion }),
    cipherSuites: config.cipherSuites,
    curves: config.ecdhCurves,
  };
}

function duration(value: { seconds: bigint; nanos: number } | undefined, otherwise: number): number {
  return value === undefined ? otherwise : milliseconds(value);
}
