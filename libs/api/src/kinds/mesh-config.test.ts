import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeSpec, summary } from "../testing/decode-text.ts";
import type { SpecCase } from "../testing/decode-text.ts";

/** Good for a hundred years. */
const authority = `
-----BEGIN CERTIFICATE-----
MIIBczCCARmgAwIBAgIUN9fGgds6XtrOe0BoDmgiEb6TU3IwCgYIKoZIzj0EAwIw
DjEMMAoGA1UECgwDb25lMCAXDTI2MTEyMTEzNDcwN1oYDzIxMjYxMDI4MTM0NzA3
WjAOMQwwCgYDVQQKDANvbmUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATB++Iu
IWNxA2gE2DbyXnmFCjHVkt58jeL2gfGP9tV7PzdBkr0/7jw9Zq1FSTufCg/5bXq5
CIUHhUa+WFpYnhMho1MwUTAdBgNVHQ4EFgQURtVPMoiGD0cK9L71Liln9HEzK0sw
HwYDVR0jBBgwFoAURtVPMoiGD0cK9L71Liln9HEzK0swDwYDVR0TAQH/BAUwAwEB
/zAKBggqhkjOPQQDAgNIADBFAiEAjoxenmzDofz04OGtgn4YQZcu2INN7M0wq/YN
XG54J7kCIEQeH+fIY5XmUt78SaK644cGlmfEQLVisWZOUraj650Z
-----END CERTIFICATE-----`;
const leaf = `
-----BEGIN CERTIFICATE-----
MIIBczCCARigAwIBAgIUOXQZRFD8HpudNbWUzFl/FsQSh94wCgYIKoZIzj0EAwIw
DzENMAsGA1UECgwEbGVhZjAgFw0yNjExMjExMzQ3MDdaGA8yMTI2MTAyODEzNDcw
N1owDzENMAsGA1UECgwEbGVhZjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABPy6
HNqP/CTFyeZ2wgXw7jB1LW1PPcv44l4DibSOCwOs0qfoEplD49AqKPWV/ZrzS/Hq
EetkBEQDGekYqtQ9m0ajUDBOMB0GA1UdDgQWBBQswJhR0Z4lVREjVo5SalPsbg2T
XDAfBgNVHSMEGDAWgBQswJhR0Z4lVREjVo5SalPsbg2TXDAMBgNVHRMBAf8EAjAA
MAoGCCqGSM49BAMCA0kAMEYCIQC6ayT7V5ebEFO+kbaO1kKtgt+6KxGo9qh6Crah
j1TpEwIhAInGwjGwhBtiPp8H94ugHc9rdAPOE2npxT8cb0/fO7O6
-----END CERTIFICATE-----`;

const cases: readonly SpecCase[] = [
  [
    "further authorities",
    `caCertificates:
    - pem: ${JSON.stringify(authority)}
      trustDomains: [old.example]
    - spiffeBundleUrl: https://bundles.example.com/mesh`,
  ],
  [
    "further authorities that are none",
    `caCertificates:
    - pem: ${JSON.stringify(leaf)}
    - pem: ${JSON.stringify(authority.replace("MIIB", "MIIC"))}
    - pem: text
      certSigners: [a]
    - spiffeBundleUrl: http://bundles.example.com
    - trustDomains: ["a b"]`,
    "spec.caCertificates[0].pem certificate",
    "spec.caCertificates[1].pem certificate",
    "spec.caCertificates[2].pem certificate",
    "spec.caCertificates[3].spiffeBundleUrl url",
    "spec.caCertificates[4] required",
    "spec.caCertificates[4].trustDomains[0] host",
    "warning spec.caCertificates[2].certSigners no-effect",
  ],
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
