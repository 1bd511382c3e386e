/** Istio's fields that no row of the feature table shows, and why. `inventory.test.ts` keeps it true. */
export const notYetShown: Readonly<Record<string, string>> = {
  "ProxyConfig.selector": "read when a pod is injected: services/injector/test",
  "ProxyConfig.concurrency": "read when a pod is injected: services/injector/test",
  "ProxyConfig.environmentVariables": "read when a pod is injected: services/injector/test",
  "ProxyConfig.image": "read when a pod is injected: services/injector/test",
  "WasmPlugin.selector": "selects as TrafficExtension.selector, which has a row",
  "WasmPlugin.verificationKey": "warned of: Istio does not implement it, either",
  "Gateway.servers.defaultEndpoint": "warned about by name: Istio does not implement it, either",
  "WorkloadGroup.probe.initialDelaySeconds":
    "the agent probes as its ProxyConfig says: services/node-agent/test; a row shows exec",
  "WorkloadGroup.probe.timeoutSeconds":
    "the agent probes as its ProxyConfig says: services/node-agent/test; a row shows exec",
  "WorkloadGroup.probe.periodSeconds":
    "the agent probes as its ProxyConfig says: services/node-agent/test; a row shows exec",
  "WorkloadGroup.probe.successThreshold":
    "the agent probes as its ProxyConfig says: services/node-agent/test; a row shows exec",
  "WorkloadGroup.probe.failureThreshold":
    "the agent probes as its ProxyConfig says: services/node-agent/test; a row shows exec",
  "WorkloadGroup.probe.httpGet": "the agent probes as its ProxyConfig says: services/node-agent/test; a row shows exec",
  "WorkloadGroup.probe.tcpSocket":
    "the agent probes as its ProxyConfig says: services/node-agent/test; a row shows exec",
  "WorkloadGroup.probe.grpc": "the agent probes as its ProxyConfig says: services/node-agent/test; a row shows exec",
  "EnvoyFilter.targetRefs.namespace": "refused, as in Istio: what is meant is in the object's own namespace",
  "ProxyConfig.image.imageType": "there is one image of the proxy: warned of",
  "TrafficExtension.wasm.sha256": "compiled as the same field of WasmPlugin, which has rows",
  "TrafficExtension.wasm.imagePullPolicy": "compiled as the same field of WasmPlugin, which has rows",
  "TrafficExtension.wasm.imagePullSecret": "compiled as the same field of WasmPlugin, which has rows",
  "TrafficExtension.wasm.verificationKey": "warned of: Istio does not implement it, either",
  "TrafficExtension.wasm.pluginConfig": "compiled as the same field of WasmPlugin, which has rows",
  "TrafficExtension.wasm.pluginName": "compiled as the same field of WasmPlugin, which has rows",
  "TrafficExtension.wasm.vmConfig": "compiled as the same field of WasmPlugin, which has rows",
  "DestinationRule.trafficPolicy.outlierDetection.consecutiveErrors":
    "deprecated and warned of; consecutive5xxErrors and consecutiveGatewayErrors have rows",
  "Gateway.servers.port.targetPort": "refused, as in Istio: it has no effect on gateways",
  "Sidecar.ingress.port.name": "a name only: nothing follows from it",
  "Sidecar.ingress.port.targetPort": "has no effect, in Istio neither: warned of",
  "WorkloadGroup.probe.httpGet.path":
    "the agent probes as its ProxyConfig says: services/node-agent/test; a row shows exec",
  "WorkloadGroup.probe.httpGet.port":
    "the agent probes as its ProxyConfig says: services/node-agent/test; a row shows exec",
  "WorkloadGroup.probe.httpGet.host":
    "the agent probes as its ProxyConfig says: services/node-agent/test; a row shows exec",
  "WorkloadGroup.probe.httpGet.scheme":
    "the agent probes as its ProxyConfig says: services/node-agent/test; a row shows exec",
  "WorkloadGroup.probe.httpGet.httpHeaders":
    "the agent probes as its ProxyConfig says: services/node-agent/test; a row shows exec",
  "WorkloadGroup.probe.tcpSocket.host":
    "the agent probes as its ProxyConfig says: services/node-agent/test; a row shows exec",
  "WorkloadGroup.probe.tcpSocket.port":
    "the agent probes as its ProxyConfig says: services/node-agent/test; a row shows exec",
  "WorkloadGroup.probe.grpc.port":
    "the agent probes as its ProxyConfig says: services/node-agent/test; a row shows exec",
  "WorkloadGroup.probe.grpc.service":
    "the agent probes as its ProxyConfig says: services/node-agent/test; a row shows exec",
  "EnvoyFilter.configPatches.match.waypoint": "refused by name: there are no waypoints yet",
  "VirtualService.http.fault.delay.exponentialDelay": "refused by name: Envoy has none, and Istio ignores it",
  "VirtualService.http.fault.abort.http2Error": "refused by name: Istio ignores it",
  "WorkloadGroup.probe.httpGet.httpHeaders.name":
    "the agent probes as its ProxyConfig says: services/node-agent/test; a row shows exec",
  "WorkloadGroup.probe.httpGet.httpHeaders.value":
    "the agent probes as its ProxyConfig says: services/node-agent/test; a row shows exec",
  "EnvoyFilter.configPatches.match.waypoint.portNumber": "refused by name: there are no waypoints yet",
  "EnvoyFilter.configPatches.match.waypoint.route": "refused by name: there are no waypoints yet",
  "EnvoyFilter.configPatches.match.waypoint.filter": "refused by name: there are no waypoints yet",
  "EnvoyFilter.configPatches.match.waypoint.route.name": "refused by name: there are no waypoints yet",
  "EnvoyFilter.configPatches.match.waypoint.filter.name": "refused by name: there are no waypoints yet",
  "EnvoyFilter.configPatches.match.waypoint.filter.subFilter": "refused by name: there are no waypoints yet",
  "EnvoyFilter.configPatches.match.waypoint.filter.subFilter.name": "refused by name: there are no waypoints yet",
};
