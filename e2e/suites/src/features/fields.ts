/** Istio's fields that no row of the feature table shows, and why. `inventory.test.ts` keeps it true. */
export const notYetShown: Readonly<Record<string, string>> = {
  "WasmPlugin.verificationKey": "warned of: Istio does not implement it, either",
  "MeshConfig.verifyCertificateAtClient": "false is warned of: Istio does not implement it, either",
  "IngressClass.parameters": "warned of by name: the controller has no parameters",
  "Gateway.servers.defaultEndpoint": "warned about by name: Istio does not implement it, either",
  "EnvoyFilter.targetRefs.namespace": "refused, as in Istio: what is meant is in the object's own namespace",
  "TrafficExtension.wasm.verificationKey": "warned of: Istio does not implement it, either",
  "MeshConfig.caCertificates.certSigners": "warned of: there is one signer, the mesh's own CA",
  "IngressClass.parameters.apiGroup": "warned of by name: the controller has no parameters",
  "IngressClass.parameters.kind": "warned of by name: the controller has no parameters",
  "IngressClass.parameters.name": "warned of by name: the controller has no parameters",
  "IngressClass.parameters.scope": "warned of by name: the controller has no parameters",
  "IngressClass.parameters.namespace": "warned of by name: the controller has no parameters",
  "DestinationRule.trafficPolicy.outlierDetection.consecutiveErrors":
    "deprecated and warned of; consecutive5xxErrors and consecutiveGatewayErrors have rows",
  "Gateway.servers.port.targetPort": "refused, as in Istio: it has no effect on gateways",
  "Sidecar.ingress.port.name": "a name only: nothing follows from it",
  "Sidecar.ingress.port.targetPort": "has no effect, in Istio neither: warned of",
  "EnvoyFilter.configPatches.match.waypoint": "refused by name: there are no waypoints yet",
  "MeshConfig.defaultConfig.proxyHeaders.metadataExchangeHeaders":
    "IN_MESH holds: proxies add no such headers anywhere",
  "Ingress.defaultBackend.resource.apiGroup": "a backend that is no Service is told of, and has a row; whatever it is",
  "Ingress.defaultBackend.resource.kind": "a backend that is no Service is told of, and has a row; whatever it is",
  "Ingress.defaultBackend.resource.name": "a backend that is no Service is told of, and has a row; whatever it is",
  "VirtualService.http.fault.delay.exponentialDelay": "refused by name: Envoy has none, and Istio ignores it",
  "VirtualService.http.fault.abort.http2Error": "refused by name: Istio ignores it",
  "EnvoyFilter.configPatches.match.waypoint.portNumber": "refused by name: there are no waypoints yet",
  "EnvoyFilter.configPatches.match.waypoint.route": "refused by name: there are no waypoints yet",
  "EnvoyFilter.configPatches.match.waypoint.filter": "refused by name: there are no waypoints yet",
  "MeshConfig.defaultConfig.privateKeyProvider.cryptomb.pollDelay":
    "upstream's Envoy has no such provider: services/node-agent/src/workload/key-provider.test.ts",
  "MeshConfig.defaultConfig.privateKeyProvider.qat.pollDelay":
    "upstream's Envoy has no such provider: services/node-agent/src/workload/key-provider.test.ts",
  "MeshConfig.defaultConfig.proxyHeaders.metadataExchangeHeaders.mode":
    "IN_MESH holds: proxies add no such headers anywhere",
  "EnvoyFilter.configPatches.match.waypoint.route.name": "refused by name: there are no waypoints yet",
  "EnvoyFilter.configPatches.match.waypoint.filter.name": "refused by name: there are no waypoints yet",
  "EnvoyFilter.configPatches.match.waypoint.filter.subFilter": "refused by name: there are no waypoints yet",
  "MeshConfig.defaultConfig.tracing.customTags.environment.defaultValue":
    "as Telemetry.tracing.customTags, which has a row",
  "MeshConfig.defaultConfig.tracing.customTags.header.defaultValue": "as Telemetry.tracing.customTags, which has a row",
  "EnvoyFilter.configPatches.match.waypoint.filter.subFilter.name": "refused by name: there are no waypoints yet",
};
