/** Istio's fields that no row of the feature table shows, and why. `inventory.test.ts` keeps it true. */
export const notYetShown: Readonly<Record<string, string>> = {
  "ProxyConfig.selector": "read when a pod is injected: services/injector/test",
  "ProxyConfig.concurrency": "read when a pod is injected: services/injector/test",
  "ProxyConfig.environmentVariables": "read when a pod is injected: services/injector/test",
  "ProxyConfig.image": "read when a pod is injected: services/injector/test",
  "WasmPlugin.verificationKey": "warned of: Istio does not implement it, either",
  "MeshConfig.proxyListenPort": "in the goldens of the case mesh-config-proxies",
  "MeshConfig.proxyInboundListenPort": "in the goldens of the case mesh-config-proxies",
  "MeshConfig.connectTimeout": "in the goldens of the case mesh-config",
  "MeshConfig.protocolDetectionTimeout": "set for the suite of capture",
  "MeshConfig.tcpKeepalive": "under connectionPool.tcp.tcpKeepalive of DestinationRule, which has a row",
  "MeshConfig.accessLogFile": "in the goldens of the case telemetry",
  "MeshConfig.accessLogFormat": "built; no row and no case yet",
  "MeshConfig.accessLogEncoding": "in the goldens of the case telemetry",
  "MeshConfig.disableEnvoyListenerLog": "listeners have no log of their own in any case",
  "MeshConfig.inboundTrafficPolicy": "set for the suite of capture",
  "MeshConfig.enableAutoMtls": "in the goldens of the case mesh-config",
  "MeshConfig.defaultServiceExportTo": "in the goldens of the case mesh-config",
  "MeshConfig.defaultVirtualServiceExportTo": "built; no row and no case yet",
  "MeshConfig.defaultDestinationRuleExportTo": "built; no row and no case yet",
  "MeshConfig.rootNamespace": "what the plane is installed with: services/galley-validator",
  "MeshConfig.localityLbSetting":
    "as the same field of DestinationRule, which has rows; set for suites of locality and networks",
  "MeshConfig.zoneAwareLbSetting":
    "as the same field of DestinationRule, which has rows; set for suites of locality and networks",
  "MeshConfig.dnsRefreshRate": "built; no row and no case yet",
  "MeshConfig.h2UpgradePolicy": "as the same field of DestinationRule, which has a row",
  "MeshConfig.enablePrometheusMerge":
    "services/injector/test/settings-of-pods.test.ts, services/node-agent/src/merged-metrics.test.ts",
  "MeshConfig.verifyCertificateAtClient": "false is warned of: servers' certificates are always verified",
  "MeshConfig.defaultHttpRetryPolicy": "in the goldens of the case mesh-config",
  "MeshConfig.defaultInboundHttpRetryPolicy": "in the goldens of the case mesh-config-proxies",
  "MeshConfig.tlsDefaults": "in the goldens of the case mesh-config-proxies",
  "MeshConfig.defaultTrafficPolicy": "in the goldens of the case destination-rule-extras",
  "Gateway.servers.defaultEndpoint": "warned about by name: Istio does not implement it, either",
  "EnvoyFilter.targetRefs.namespace": "refused, as in Istio: what is meant is in the object's own namespace",
  "ProxyConfig.image.imageType": "services/injector/test/settings-of-pods.test.ts",
  "TrafficExtension.wasm.imagePullSecret": "compiled as the same field of WasmPlugin, which has rows",
  "TrafficExtension.wasm.verificationKey": "warned of: Istio does not implement it, either",
  "MeshConfig.defaultConfig.configPath": "no row yet",
  "MeshConfig.defaultConfig.binaryPath": "no row yet",
  "MeshConfig.defaultConfig.serviceCluster":
    "read when a pod is injected or its agent starts: services/injector/test, services/node-agent",
  "MeshConfig.defaultConfig.drainDuration":
    "read when a pod is injected or its agent starts: services/injector/test, services/node-agent",
  "MeshConfig.defaultConfig.discoveryAddress":
    "read when a pod is injected or its agent starts: services/injector/test, services/node-agent",
  "MeshConfig.defaultConfig.zipkinAddress":
    "read when a pod is injected or its agent starts: services/injector/test, services/node-agent",
  "MeshConfig.defaultConfig.envoyMetricsServiceAddress": "no row yet",
  "MeshConfig.defaultConfig.controlPlaneAuthPolicy": "no row yet",
  "MeshConfig.defaultConfig.customConfigFile": "no row yet",
  "MeshConfig.defaultConfig.concurrency":
    "read when a pod is injected or its agent starts: services/injector/test, services/node-agent",
  "MeshConfig.defaultConfig.interceptionMode":
    "read when a pod is injected or its agent starts: services/injector/test, services/node-agent",
  "MeshConfig.defaultConfig.envoyAccessLogService": "no row yet",
  "MeshConfig.defaultConfig.proxyMetadata":
    "read when a pod is injected or its agent starts: services/injector/test, services/node-agent",
  "MeshConfig.defaultConfig.runtimeValues":
    "read when a pod is injected or its agent starts: services/injector/test, services/node-agent",
  "MeshConfig.defaultConfig.extraStatTags":
    "of the agent's bootstrap, which Envoy judges: services/node-agent/test/bootstrap.test.ts",
  "MeshConfig.defaultConfig.terminationDrainDuration":
    "read when a pod is injected or its agent starts: services/injector/test, services/node-agent",
  "MeshConfig.defaultConfig.meshId": "no row yet",
  "MeshConfig.defaultConfig.readinessProbe": "no row yet",
  "MeshConfig.defaultConfig.holdApplicationUntilProxyStarts": "no row yet",
  "MeshConfig.defaultConfig.caCertificatesPem": "no row yet",
  "MeshConfig.defaultConfig.image": "no row yet",
  "MeshConfig.defaultConfig.privateKeyProvider": "no row yet",
  "MeshConfig.defaultConfig.fileFlushInterval": "no row yet",
  "MeshConfig.defaultConfig.fileFlushMinSizeKb": "no row yet",
  "MeshConfig.defaultConfig.statsCompression": "no row yet",
  "MeshConfig.inboundTrafficPolicy.mode": "set for the suite of capture",
  "MeshConfig.extensionProviders.name": "what rules refer to: in every row of tracing",
  "MeshConfig.extensionProviders.envoyFileAccessLog": "in the goldens of the case telemetry",
  "MeshConfig.extensionProviders.envoyHttpAls": "in the goldens of the case telemetry",
  "MeshConfig.extensionProviders.envoyTcpAls": "built; no row and no case yet",
  "MeshConfig.defaultProviders.accessLogging": "built; no row and no case yet",
  "MeshConfig.discoverySelectors.matchLabels": "in the rows of services, and libs/api/src/kinds/mesh-config.test.ts",
  "MeshConfig.discoverySelectors.matchExpressions":
    "in the rows of services, and libs/api/src/kinds/mesh-config.test.ts",
  "MeshConfig.meshMTLS.ecdhCurves": "in the goldens of the case mesh-config-proxies",
  "MeshConfig.meshMTLS.cipherSuites": "in the goldens of the case mesh-config-proxies",
  "MeshConfig.defaultTrafficPolicy.connectionPool": "in the goldens of the case destination-rule-extras",
  "MeshConfig.defaultTrafficPolicy.outlierDetection": "in the goldens of the case destination-rule-extras",
  "DestinationRule.trafficPolicy.outlierDetection.consecutiveErrors":
    "deprecated and warned of; consecutive5xxErrors and consecutiveGatewayErrors have rows",
  "Gateway.servers.port.targetPort": "refused, as in Istio: it has no effect on gateways",
  "Sidecar.ingress.port.name": "a name only: nothing follows from it",
  "Sidecar.ingress.port.targetPort": "has no effect, in Istio neither: warned of",
  "EnvoyFilter.configPatches.match.waypoint": "refused by name: there are no waypoints yet",
  "MeshConfig.defaultConfig.tracing.datadog":
    "of the agent's bootstrap, which Envoy judges: services/node-agent/test/bootstrap.test.ts",
  "MeshConfig.defaultConfig.tracing.tlsSettings":
    "of the agent's bootstrap, which Envoy judges: services/node-agent/test/bootstrap.test.ts",
  "MeshConfig.defaultConfig.envoyAccessLogService.tlsSettings": "no row yet",
  "MeshConfig.defaultConfig.envoyAccessLogService.tcpKeepalive": "no row yet",
  "MeshConfig.defaultConfig.privateKeyProvider.cryptomb": "no row yet",
  "MeshConfig.defaultConfig.privateKeyProvider.qat": "no row yet",
  "MeshConfig.defaultConfig.proxyHeaders.metadataExchangeHeaders":
    "IN_MESH holds: proxies add no such headers anywhere",
  "MeshConfig.extensionProviders.datadog.maxTagLength": "built; no row and no case yet",
  "MeshConfig.extensionProviders.opentelemetry.serviceAttributeEnrichment":
    "OTEL_SEMANTIC_CONVENTIONS is warned of by name; the other value is what is done",
  "MeshConfig.extensionProviders.envoyFileAccessLog.path": "in the goldens of the case telemetry",
  "MeshConfig.extensionProviders.envoyFileAccessLog.logFormat": "in the goldens of the case telemetry",
  "MeshConfig.extensionProviders.envoyFileAccessLog.omitEmptyValues": "built; no row and no case yet",
  "MeshConfig.extensionProviders.envoyHttpAls.service": "in the goldens of the case telemetry",
  "MeshConfig.extensionProviders.envoyHttpAls.port": "in the goldens of the case telemetry",
  "MeshConfig.extensionProviders.envoyHttpAls.logName": "in the goldens of the case telemetry",
  "MeshConfig.extensionProviders.envoyTcpAls.service": "built; no row and no case yet",
  "MeshConfig.extensionProviders.envoyTcpAls.port": "built; no row and no case yet",
  "MeshConfig.extensionProviders.envoyTcpAls.logName": "built; no row and no case yet",
  "MeshConfig.discoverySelectors.matchExpressions.key":
    "in the rows of services, and libs/api/src/kinds/mesh-config.test.ts",
  "MeshConfig.discoverySelectors.matchExpressions.operator":
    "in the rows of services, and libs/api/src/kinds/mesh-config.test.ts",
  "MeshConfig.discoverySelectors.matchExpressions.values":
    "in the rows of services, and libs/api/src/kinds/mesh-config.test.ts",
  "VirtualService.http.fault.delay.exponentialDelay": "refused by name: Envoy has none, and Istio ignores it",
  "VirtualService.http.fault.abort.http2Error": "refused by name: Istio ignores it",
  "EnvoyFilter.configPatches.match.waypoint.portNumber": "refused by name: there are no waypoints yet",
  "EnvoyFilter.configPatches.match.waypoint.route": "refused by name: there are no waypoints yet",
  "EnvoyFilter.configPatches.match.waypoint.filter": "refused by name: there are no waypoints yet",
  "MeshConfig.defaultConfig.tracing.datadog.address":
    "of the agent's bootstrap, which Envoy judges: services/node-agent/test/bootstrap.test.ts",
  "MeshConfig.defaultConfig.privateKeyProvider.cryptomb.pollDelay": "no row yet",
  "MeshConfig.defaultConfig.privateKeyProvider.cryptomb.fallback": "no row yet",
  "MeshConfig.defaultConfig.privateKeyProvider.qat.pollDelay": "no row yet",
  "MeshConfig.defaultConfig.privateKeyProvider.qat.fallback": "no row yet",
  "MeshConfig.defaultConfig.proxyHeaders.metadataExchangeHeaders.mode":
    "IN_MESH holds: proxies add no such headers anywhere",
  "MeshConfig.extensionProviders.opentelemetry.resourceDetectors.dynatrace":
    "built; it takes Dynatrace's own files and service",
  "MeshConfig.extensionProviders.opentelemetry.dynatraceSampler.httpService":
    "built; it takes Dynatrace's own files and service",
  "MeshConfig.extensionProviders.envoyFileAccessLog.logFormat.text": "in the goldens of the case telemetry",
  "MeshConfig.extensionProviders.envoyFileAccessLog.logFormat.labels": "built; no row and no case yet",
  "EnvoyFilter.configPatches.match.waypoint.route.name": "refused by name: there are no waypoints yet",
  "EnvoyFilter.configPatches.match.waypoint.filter.name": "refused by name: there are no waypoints yet",
  "EnvoyFilter.configPatches.match.waypoint.filter.subFilter": "refused by name: there are no waypoints yet",
  "MeshConfig.defaultConfig.tracing.customTags.environment.defaultValue":
    "as Telemetry.tracing.customTags, which has a row",
  "MeshConfig.defaultConfig.tracing.customTags.header.defaultValue": "as Telemetry.tracing.customTags, which has a row",
  "MeshConfig.extensionProviders.opentelemetry.dynatraceSampler.httpService.service":
    "built; it takes Dynatrace's own files and service",
  "MeshConfig.extensionProviders.opentelemetry.dynatraceSampler.httpService.port":
    "built; it takes Dynatrace's own files and service",
  "MeshConfig.extensionProviders.opentelemetry.dynatraceSampler.httpService.http":
    "built; it takes Dynatrace's own files and service",
  "EnvoyFilter.configPatches.match.waypoint.filter.subFilter.name": "refused by name: there are no waypoints yet",
};
