import { envoyFilterRows } from "./envoy-filter.rows.ts";
import { envoyFilterInboundRows } from "./envoy-filter-inbound.rows.ts";
import { captureRows } from "./capture.rows.ts";
import type { Feature } from "./feature.ts";
import { accessLogRows } from "./access-logs.rows.ts";
import { externalAuthorizerRows } from "./external-authorizers.rows.ts";
import { dnsRows } from "./dns.rows.ts";
import { dynamicDnsRows } from "./dynamic-dns.rows.ts";
import { proxyConfigRows } from "./proxy-config.rows.ts";
import { proxiesRows } from "./proxies.rows.ts";
import { injectedBootstrapRows } from "./injected-bootstrap.rows.ts";
import { injectedPodRows } from "./injected-pods.rows.ts";
import { dualStackRows } from "./dual-stack.rows.ts";
import { serviceEntryRows } from "./service-entry.rows.ts";
import { serviceRows } from "./services.rows.ts";
import { connectionRouteRows } from "./connection-routes.rows.ts";
import { connectionSettingsRows } from "./connection-settings.rows.ts";
import { gatewayRows } from "./gateway.rows.ts";
import { connectionPoolRows } from "./connection-pools.rows.ts";
import { destinationRuleRows } from "./destination-rule.rows.ts";
import { ingressRows } from "./ingress.rows.ts";
import { loadBalancingRows } from "./load-balancing.rows.ts";
import { localityRows } from "./locality.rows.ts";
import { meshConfigRows } from "./mesh-config.rows.ts";
import { meshTlsRows } from "./mesh-tls.rows.ts";
import { networkRows } from "./networks.rows.ts";
import { outlierDetectionRows } from "./outlier-detection.rows.ts";
import { readinessRows } from "./readiness.rows.ts";
import { capturedServiceRows } from "./services-captured.rows.ts";
import { sidecarRows } from "./sidecar.rows.ts";
import { tracingRows } from "./tracing.rows.ts";
import { trafficExtensionRows } from "./traffic-extension.rows.ts";
import { trustAnchorsRows } from "./trust-anchors.rows.ts";
import { upstreamTlsRows } from "./upstream-tls.rows.ts";
import { virtualServiceHttpRows } from "./virtual-service-http.rows.ts";
import { wasmModulesRows } from "./wasm-modules.rows.ts";
import { wasmPluginRows } from "./wasm-plugin.rows.ts";
import { workloadGroupRows } from "./workload-group.rows.ts";
import { workloadGroupProbeRows } from "./workload-group-probes.rows.ts";

/** Every area of the feature table. An area that is not here does not count. */
export const areas: Readonly<Record<string, readonly Feature[]>> = {
  dns: dnsRows,
  "dual-stack": dualStackRows,
  "dynamic-dns": dynamicDnsRows,
  "service-entry": serviceEntryRows,
  services: serviceRows,
  "services-captured": capturedServiceRows,
  "workload-group": workloadGroupRows,
  "workload-group-probes": workloadGroupProbeRows,
  "envoy-filter": envoyFilterRows,
  "envoy-filter-inbound": envoyFilterInboundRows,
  "connection-settings": connectionSettingsRows,
  "connection-routes": connectionRouteRows,
  "access-logs": accessLogRows,
  "external-authorizers": externalAuthorizerRows,
  gateway: gatewayRows,
  capture: captureRows,
  "connection-pools": connectionPoolRows,
  "destination-rule": destinationRuleRows,
  ingress: ingressRows,
  "load-balancing": loadBalancingRows,
  locality: localityRows,
  readiness: readinessRows,
  "mesh-config": meshConfigRows,
  "mesh-tls": meshTlsRows,
  networks: networkRows,
  "outlier-detection": outlierDetectionRows,
  "injected-bootstrap": injectedBootstrapRows,
  "injected-pods": injectedPodRows,
  proxies: proxiesRows,
  "proxy-config": proxyConfigRows,
  tracing: tracingRows,
  "traffic-extension": trafficExtensionRows,
  "wasm-modules": wasmModulesRows,
  "wasm-plugin": wasmPluginRows,
  "trust-anchors": trustAnchorsRows,
  "upstream-tls": upstreamTlsRows,
  sidecar: sidecarRows,
  "virtual-service-http": virtualServiceHttpRows,
};
