import { MeshConfig_OutboundTrafficPolicy_Mode, MeshConfigSchema } from "@lateen/protos/mesh/v1alpha1/config_pb.js";
import type {
  LabelSelector,
  MeshConfig,
  MeshConfig_ExtensionProvider,
} from "@lateen/protos/mesh/v1alpha1/config_pb.js";
import { ProxyConfigSchema } from "@lateen/protos/mesh/v1alpha1/proxy_pb.js";
import type { Cursor } from "../report.ts";
import type { NotBuiltField } from "../schema/read-message.ts";
import { authoritiesProblem } from "../rules/certificates.ts";
import { checkDistinct } from "../rules/distinct.ts";
import { checkLabels } from "../rules/labels.ts";
import { checkFqdn, checkWildcardDomain, isDnsLabel } from "../rules/hosts.ts";
import { checkDuration, checkPort } from "../rules/values.ts";
import { checkAuthorizer } from "./authorizers.ts";
import { defineKind } from "./definition.ts";
import { checkLocality, checkZoneAware } from "./locality.ts";
import { checkProxyDefaults } from "./proxy-defaults.ts";
import { checkAddress, checkProxyTracing, checkTracer } from "./spans.ts";
import { checkClientTls, checkConnectionPool, checkOutlierDetection } from "./traffic-policy.ts";

/** Top-level fields that do something, or whose only sensible value is what happens anyway. All others are warned of. */
const built: ReadonlySet<string> = new Set([
  "accessLogEncoding",
  "accessLogFile",
  "accessLogFormat",
  "caCertificates",
  "connectTimeout",
  "defaultConfig",
  "defaultDestinationRuleExportTo",
  "defaultHttpRetryPolicy",
  "defaultInboundHttpRetryPolicy",
  "defaultProviders",
  "defaultServiceExportTo",
  "defaultTrafficPolicy",
  "defaultVirtualServiceExportTo",
  "disableEnvoyListenerLog",
  "discoverySelectors",
  "dnsRefreshRate",
  "enableAutoMtls",
  "enableEnvoyAccessLogService",
  "enableTracing",
  "enablePrometheusMerge",
  "extensionProviders",
  "h2UpgradePolicy",
  "inboundClusterStatName",
  "ingressClass",
  "ingressControllerMode",
  "ingressSelector",
  "ingressService",
  "inboundTrafficPolicy",
  "meshMTLS",
  "localityLbSetting",
  "outboundClusterStatName",
  "outboundTrafficPolicy",
  "pathNormalization",
  "protocolDetectionTimeout",
  "proxyHttpPort",
  "proxyInboundListenPort",
  "proxyListenPort",
  "rootNamespace",
  "serviceEntryVisibility",
  "serviceSettings",
  "tcpKeepalive",
  "tlsDefaults",
  "trustDomain",
  "trustDomainAliases",
  "verifyCertificateAtClient",
  "zoneAwareLbSetting",
]);

/** Why the others do nothing, and what does. */
const reasons: Readonly<Record<string, string>> = {
  ca: "Istio does not implement it, either: certificates come from the mesh's own CA; give it a signing certificate in the secret cacerts",
  certificates: "Istio does not implement it, either; use credentialName of a Gateway",
  configSources: "objects come from Kubernetes, a folder or the registries that are configured at installation",
  hboneIdleTimeout: "no tunnels of the ambient kind are made",
  serviceScopeConfigs:
    "it is for the ambient mode, in Istio too; serviceSettings[].settings.clusterLocal keeps calls of a service in one cluster",
};

/** Of `defaultConfig`, what pilot, the injector and the agent act on. */
const builtForProxies: ReadonlySet<string> = new Set([
  "binaryPath",
  "caCertificatesPem",
  "connectionSettings",
  "configPath",
  "controlPlaneAuthPolicy",
  "customConfigFile",
  "envoyAccessLogService",
  "envoyMetricsServiceAddress",
  "fileFlushInterval",
  "fileFlushMinSizeKb",
  "holdApplicationUntilProxyStarts",
  "image",
  "meshId",
  "privateKeyProvider",
  "readinessProbe",
  "statsCompression",
  "concurrency",
  "discoveryAddress",
  "drainDuration",
  "envoyMetricsService",
  "extraStatTags",
  "gatewayTopology",
  "interceptionMode",
  "proxyAdminPort",
  "proxyHeaders",
  "proxyMetadata",
  "proxyStatsMatcher",
  "runtimeValues",
  "statsdUdpAddress",
  "statusPort",
  "terminationDrainDuration",
  "tracing",
  "tracingServiceName",
  "serviceCluster",
  "zipkinAddress",
]);

const reasonsForProxies: Readonly<Record<string, string>> = {
  availabilityZone:
    "it has no effect in Istio either; localities come from the nodes' labels, or from topology.istio.io/locality",
  discoveryRefreshDelay: "it has no effect in Istio either: changes are pushed",
  proxyBootstrapTemplatePath:
    "its language is Go's; use EnvoyFilter with applyTo BOOTSTRAP, or customConfigFile for a whole bootstrap",
  sds: "it has no effect in Istio either: certificates always come over SDS",
  statNameLength: "it has no effect in Istio either: names are not cut",
};

const standardMetrics =
  "Istio's standard metrics are counted by the policy service, and Envoy's own are on each proxy's /stats/prometheus, whatever is named here";

const statVariables: ReadonlySet<string> = new Set([
  "SERVICE",
  "SERVICE_NAME",
  "SERVICE_FQDN",
  "SERVICE_PORT",
  "SERVICE_PORT_NAME",
  "TARGET_PORT",
  "SUBSET_NAME",
]);

/** Tracers that Envoy had once. */
const gone = ["lightstep", "stackdriver", "opencensus"];
const goneOfProxies = ["lightstep", "stackdriver", "openCensusAgent"];

const notBuilt: readonly NotBuiltField[] = [
  ...MeshConfigSchema.fields
    .filter((field) => !built.has(field.jsonName))
    .map(({ jsonName }) => ({ path: jsonName, reason: reasons[jsonName] ?? "Lateen's default applies" })),
  ...ProxyConfigSchema.fields
    .filter((field) => !builtForProxies.has(field.jsonName))
    .map(({ jsonName }) => ({
      path: `defaultConfig.${jsonName}`,
      reason: reasonsForProxies[jsonName] ?? "proxies are started without it",
    })),
  { path: "extensionProviders[].prometheus", reason: standardMetrics },
  { path: "defaultProviders.metrics", reason: standardMetrics },
  ...gone.map((name) => ({
    path: `extensionProviders[].${name}`,
    reason: "Envoy has no such tracer any more; send spans by opentelemetry, to a collector that passes them on",
  })),
  {
    path: "defaultConfig.connectionSettings.listenerConnectionLimit",
    reason:
      "Envoy takes it as a runtime flag of each listener's name; use globalDownstreamConnectionLimit, or runtimeValues",
  },
  ...goneOfProxies.map((name) => ({
    path: `defaultConfig.tracing.${name}`,
    reason: "Envoy has no such tracer any more; use a provider of kind opentelemetry, or zipkin here",
  })),
];

/** Mesh-wide settings: ConfigMap `istio`, key `mesh`, in the root namespace. It has no CRD, in Istio neither. */
export const meshConfig = defineKind({
  group: "mesh.istio.io",
  versions: ["v1alpha1"],
  storageVersion: "v1alpha1",
  kind: "MeshConfig",
  plural: "meshconfigs",
  shortNames: [],
  hasCrd: false,
  schema: MeshConfigSchema,
  unknownFields: "warning",
  notBuilt,
  defaults: {
    enableTracing: true,
    ingressClass: "istio",
    ingressControllerMode: "STRICT",
    ingressService: "istio-ingressgateway",
  },
  check(spec, at) {
    if (spec.verifyCertificateAtClient === false)
      at.at("verifyCertificateAtClient").warning(
        "not-built",
        "Istio does not implement it, either: servers' certificates are verified unless pilot's VERIFY_CERTIFICATE_AT_CLIENT is false; for one server set tls.insecureSkipVerify in its DestinationRule",
      );
    if (spec.meshMTLS !== undefined && spec.meshMTLS.ecdhCurves.length > 0)
      at.at("meshMTLS", "ecdhCurves").warning(
        "no-effect",
        "has no effect, in Istio neither: mutual TLS of the mesh keeps Envoy's curves; those of tlsDefaults are for all other TLS",
      );
    for (const field of ["proxyListenPort", "proxyInboundListenPort", "proxyHttpPort"] as const)
      if (spec[field] !== 0) checkPort(spec[field], at.at(field));
    if (spec.trustDomain !== "") checkFqdn(spec.trustDomain, at.at("trustDomain"));
    if (spec.rootNamespace !== "" && !isDnsLabel(spec.rootNamespace))
      at.at("rootNamespace").error("namespace", `${JSON.stringify(spec.rootNamespace)} is not a namespace's name`);
    if (spec.ingressSelector !== "") checkLabels({ istio: spec.ingressSelector }, at.at("ingressSelector"));
    if (spec.ingressService !== "" && !isDnsLabel(spec.ingressService))
      at.at("ingressService").error("name", `${JSON.stringify(spec.ingressService)} is not the name of a Service`);
    for (const field of ["inboundClusterStatName", "outboundClusterStatName"] as const)
      for (const [written, variable = ""] of spec[field].matchAll(/%([^%]*)%/g))
        if (!statVariables.has(variable))
          at.at(field).warning(
            "variable",
            `${written} stands for nothing; known are ${[...statVariables].map((name) => `%${name}%`).join(", ")}`,
          );
    checkOutboundTls(spec, at.at("outboundTrafficPolicy", "tls"));
    checkDuration(spec.connectTimeout, at.at("connectTimeout"));
    const { connectionPool, outlierDetection } = spec.defaultTrafficPolicy ?? {};
    checkConnectionPool(connectionPool, at.at("defaultTrafficPolicy", "connectionPool"));
    checkOutlierDetection(outlierDetection, at.at("defaultTrafficPolicy", "outlierDetection"));
    checkLocality(spec.localityLbSetting, at.at("localityLbSetting"), true);
    checkZoneAware(spec.zoneAwareLbSetting, at.at("zoneAwareLbSetting"));
    checkProviders(spec, at.at("extensionProviders"));
    checkProxyTracing(spec.defaultConfig, at.at("defaultConfig"));
    checkProxyDefaults(spec.defaultConfig, at.at("defaultConfig"));
    const logs = spec.defaultConfig?.envoyAccessLogService?.address ?? "";
    if (logs !== "") checkAddress(logs, at.at("defaultConfig", "envoyAccessLogService", "address"));
    for (const [index, selector] of spec.discoverySelectors.entries())
      checkSelector(selector, at.at("discoverySelectors", index));
    checkCaCertificates(spec, at.at("caCertificates"));
    checkVisibility(spec, at.at("serviceEntryVisibility"));
    for (const [index, { hosts }] of spec.serviceSettings.entries())
      checkHosts(hosts, at.at("serviceSettings", index, "hosts"));
  },
});

function checkCaCertificates({ caCertificates }: MeshConfig, at: Cursor): void {
  for (const [index, { certificateData: data, certSigners, trustDomains }] of caCertificates.entries()) {
    const here = at.at(index);
    const problem = data.case === "pem" ? authoritiesProblem(data.value) : undefined;
    if (data.case === undefined) here.error("required", "needs pem or spiffeBundleUrl");
    else if (problem !== undefined) here.at("pem").error("certificate", problem);
    else if (data.case === "spiffeBundleUrl" && !/^https:\/\/[^/\s]+(\/\S*)?$/.test(data.value))
      here.at("spiffeBundleUrl").error("url", `must be an https URL, got ${JSON.stringify(data.value)}`);
    for (const [which, trustDomain] of trustDomains.entries()) checkFqdn(trustDomain, here.at("trustDomains", which));
    if (certSigners.length > 0)
      here
        .at("certSigners")
        .warning("no-effect", "has no effect: there is one signer, the mesh's CA; its roots are trusted for all");
  }
}

function checkVisibility({ serviceEntryVisibility: visibility }: MeshConfig, at: Cursor): void {
  if (visibility === undefined) return;
  if (!visibility.applyToSidecars)
    at.at("applyToSidecars").warning(
      "no-effect",
      "is not set, so the visibility is for the ambient mode alone, and nobody here is in it; set it to true",
    );
  for (const [index, { matchingRules }] of visibility.policies.entries())
    for (const [rule, { matcher }] of matchingRules.entries()) {
      const here = at.at("policies", index, "matchingRules", rule);
      if (matcher.case === "namespaceSelector") checkSelector(matcher.value, here.at("namespaceSelector"));
      else here.error("required", "needs a namespaceSelector: without one the rule matches nothing");
    }
}

/** As a DestinationRule's, with a namespace. */
function checkHosts(hosts: readonly string[], at: Cursor): void {
  if (hosts.length === 0) at.error("required", "is required: the services that the settings are for");
  for (const [index, host] of hosts.entries()) checkWildcardDomain(host, at.at(index));
}

/** As Kubernetes has it. */
function checkSelector({ matchLabels, matchExpressions }: LabelSelector, at: Cursor): void {
  checkLabels(matchLabels, at.at("matchLabels"));
  for (const [index, { key, operator, values }] of matchExpressions.entries()) {
    const here = at.at("matchExpressions", index);
    if (key === "") here.at("key").error("required", "is required: the label that is looked at");
    const listed = operator === "In" || operator === "NotIn";
    if (!listed && operator !== "Exists" && operator !== "DoesNotExist")
      here.at("operator").error("value", `must be In, NotIn, Exists or DoesNotExist, got ${JSON.stringify(operator)}`);
    else if (listed && values.length === 0) here.at("values").error("required", `is required with ${operator}`);
    else if (!listed && values.length > 0)
      here.at("values").error("conflict", `must be empty with ${operator}, which asks for the label alone`);
  }
}

function checkOutboundTls({ outboundTrafficPolicy: policy }: MeshConfig, at: Cursor): void {
  if (policy?.tls === undefined) return;
  checkClientTls(policy.tls, at);
  if (policy.mode !== MeshConfig_OutboundTrafficPolicy_Mode.ALLOW_ANY_DYNAMIC_DNS)
    at.warning("no-effect", "has no effect without mode ALLOW_ANY_DYNAMIC_DNS: unknown traffic goes on as it is");
  if (policy.tls.credentialName !== "")
    at.at("credentialName").error("conflict", "is for gateways; give sidecars files, as in caCertificates");
}

function checkProviders(spec: MeshConfig, at: Cursor): void {
  for (const [index, provider] of spec.extensionProviders.entries()) {
    const here = at.at(index);
    if (provider.name === "") here.at("name").error("required", "is required: policies refer to the provider by it");
    if (provider.provider.case === undefined)
      here.error(
        "required",
        "needs what it is: envoyExtAuthzGrpc, envoyExtAuthzHttp, envoyFileAccessLog, envoyHttpAls, ...",
      );
    else checkProviderService(provider.provider, here);
    checkAuthorizer(provider, here);
    checkTracer(provider, here);
    if (provider.provider.case === "sds" && provider.provider.value.name === "")
      here
        .at("sds", "name")
        .error(
          "required",
          "is required: a Gateway's credentialName sds:// with this name is a secret of this provider",
        );
  }
  const names = spec.extensionProviders.map((provider) => provider.name);
  checkDistinct(names, "provider", (index) => at.at(index, "name"));
}

/** Where a provider is, for those that are a service. */
function checkProviderService(provider: MeshConfig_ExtensionProvider["provider"], at: Cursor): void {
  const { value } = provider;
  if (provider.case === undefined || value === undefined || !("service" in value) || !("port" in value)) return;
  const service = value.service.includes("/") ? value.service.slice(value.service.indexOf("/") + 1) : value.service;
  checkFqdn(service, at.at(provider.case, "service"));
  checkPort(value.port, at.at(provider.case, "port"));
}
