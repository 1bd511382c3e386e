import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeSpec, summary } from "../testing/decode-text.ts";
import type { SpecCase } from "../testing/decode-text.ts";

const cases: readonly SpecCase[] = [
  ["unknown hosts looked up, under TLS", "outboundTrafficPolicy: {mode: ALLOW_ANY_DYNAMIC_DNS, tls: {mode: SIMPLE}}"],
  [
    "TLS for what is passed on as it is",
    "outboundTrafficPolicy: {mode: ALLOW_ANY, tls: {mode: SIMPLE}}",
    "warning spec.outboundTrafficPolicy.tls no-effect",
  ],
  [
    "namespaces by their labels",
    "discoverySelectors: [{matchLabels: {env: prod}}, {matchExpressions: [{key: a, operator: In, values: [b]}, {key: c, operator: DoesNotExist}]}]",
  ],
  [
    "namespaces by something else",
    "discoverySelectors: [{matchExpressions: [{operator: Like}, {key: a, operator: NotIn}, {key: a, operator: Exists, values: [b]}]}]",
    "spec.discoverySelectors[0].matchExpressions[0].key required",
    "spec.discoverySelectors[0].matchExpressions[0].operator value",
    "spec.discoverySelectors[0].matchExpressions[1].values required",
    "spec.discoverySelectors[0].matchExpressions[2].values conflict",
  ],
  ["the application's metrics among the agent's, or not", "enablePrometheusMerge: true"],
  [
    "what a proxy is started with",
    "defaultConfig: {privateKeyProvider: {qat: {pollDelay: 5ms}}, fileFlushInterval: 1s, image: {imageType: centos}}",
  ],
  [
    "what no proxy can be started with",
    "defaultConfig: {privateKeyProvider: {cryptomb: {}}, fileFlushInterval: 0s, image: {imageType: a b}, concurrency: -1, caCertificatesPem: [a]}",
    "spec.defaultConfig.caCertificatesPem[0] value",
    "spec.defaultConfig.concurrency range",
    "spec.defaultConfig.fileFlushInterval duration",
    "spec.defaultConfig.image.imageType value",
    "spec.defaultConfig.privateKeyProvider.cryptomb.pollDelay required",
  ],
  [
    "what does nothing in Istio, either",
    "defaultConfig: {statNameLength: 189, availabilityZone: a}",
    "warning spec.defaultConfig.availabilityZone not-built",
    "warning spec.defaultConfig.statNameLength not-built",
  ],
  [
    "who sees entries, and what stays in a cluster",
    `{serviceEntryVisibility: {applyToSidecars: true, defaultVisibility: NONE, policies: [{visibility: PUBLIC, matchingRules: [{namespaceSelector: {matchLabels: {a: b}}}]}]},
      serviceSettings: [{settings: {clusterLocal: true}, hosts: ["*.shop.svc.cluster.local"]}]}`,
  ],
  [
    "who sees entries by nothing, and services by no name",
    `{serviceEntryVisibility: {policies: [{visibility: PUBLIC, matchingRules: [{}, {namespaceSelector: {matchExpressions: [{key: a}]}}]}]},
      serviceSettings: [{settings: {clusterLocal: true}}, {hosts: [a..b]}], meshMTLS: {ecdhCurves: [P-256]}}`,
    "spec.serviceEntryVisibility.policies[0].matchingRules[0] required",
    "spec.serviceEntryVisibility.policies[0].matchingRules[1].namespaceSelector.matchExpressions[0].operator value",
    "spec.serviceSettings[0].hosts required",
    "spec.serviceSettings[1].hosts[0] host",
    "warning spec.meshMTLS.ecdhCurves no-effect",
    "warning spec.serviceEntryVisibility.applyToSidecars no-effect",
  ],
  [
    "authorizers",
    `extensionProviders: [
      {name: a, envoyExtAuthzHttp: {service: a.infra.svc.cluster.local, port: 80, pathPrefix: /check, statusOnError: "503", timeout: 1s}},
      {name: b, envoyExtAuthzGrpc: {service: b.infra.svc.cluster.local, port: 80, includeRequestBodyInCheck: {maxRequestBytes: 1}}}]`,
  ],
  [
    "authorizers that Envoy would not take",
    `extensionProviders: [
      {name: a, envoyExtAuthzHttp: {service: a.infra.svc.cluster.local, port: 80, pathPrefix: check, statusOnError: "418", timeout: 0s}},
      {name: b, envoyExtAuthzGrpc: {service: b.infra.svc.cluster.local, port: 80, includeRequestBodyInCheck: {allowPartialMessage: true}}}]`,
    "spec.extensionProviders[0].envoyExtAuthzHttp.timeout duration",
    "spec.extensionProviders[0].envoyExtAuthzHttp.statusOnError status",
    "spec.extensionProviders[0].envoyExtAuthzHttp.pathPrefix path",
    "spec.extensionProviders[1].envoyExtAuthzGrpc.includeRequestBodyInCheck.maxRequestBytes required",
  ],
  [
    "access logs of every kind",
    `enableEnvoyAccessLogService: true
defaultConfig: {envoyAccessLogService: {address: "logs.infra:15000", tcpKeepalive: {probes: 3}, tlsSettings: {mode: ISTIO_MUTUAL}}}
extensionProviders: [
      {name: a, envoyHttpAls: {service: a.infra.svc.cluster.local, port: 80, filterStateObjectsToLog: [a], additionalRequestHeadersToLog: [b]}},
      {name: b, envoyTcpAls: {service: a.infra.svc.cluster.local, port: 80, filterStateObjectsToLog: [a]}},
      {name: c, envoyOtelAls: {service: a.infra.svc.cluster.local, port: 80, logFormat: {text: a, labels: {b: c}}}}]`,
  ],
  [
    "a service of access logs without a port",
    "defaultConfig: {envoyAccessLogService: {address: logs.infra}}",
    "spec.defaultConfig.envoyAccessLogService.address address",
  ],
  [
    "TLS with a gateway's credential",
    "outboundTrafficPolicy: {mode: ALLOW_ANY_DYNAMIC_DNS, tls: {mode: MUTUAL, credentialName: a}}",
    "spec.outboundTrafficPolicy.tls.credentialName conflict",
  ],
];

for (const [name, spec, ...said] of cases) {
  test(`${name}${said.length === 0 ? " is good" : ""}`, () => {
    const result = decodeSpec("MeshConfig", spec);
    assert.deepEqual(summary(result).sort(), [...said].sort());
    assert.equal(
      result.ok,
      said.every((each) => each.startsWith("warning")),
    );
  });
}
