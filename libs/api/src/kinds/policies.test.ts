import type { SpecCase } from "../testing/decode-text.ts";
import { describeSpecs } from "../testing/spec-cases.ts";

const cases = {
  PeerAuthentication: [
    ["for the mesh", "mtls: {mode: STRICT}"],
    ["nothing at all", "{}"],
    ["for a workload and its ports", "selector: {matchLabels: {app: a}}\nportLevelMtls: {8080: {mode: DISABLE}}"],
    ["ports without a selector", "portLevelMtls: {8080: {mode: DISABLE}}", "spec.portLevelMtls required"],
    [
      "ports that are none",
      "selector: {matchLabels: {app: a}}\nportLevelMtls: {0: {}, http: {}}",
      "spec.portLevelMtls.http type",
      'spec.portLevelMtls["0"] port',
    ],
    ["a wildcard", 'selector: {matchLabels: {app: "*"}}', "spec.selector.matchLabels.app label"],
    ["a mode in lower case", "mtls: {mode: strict}", "spec.mtls.mode enum"],
  ],
  AuthorizationPolicy: [
    [
      "a full rule",
      `
selector: {matchLabels: {app: a}}
action: DENY
rules:
- from: [{source: {principals: ["cluster.local/ns/a/sa/b"], notNamespaces: [c], ipBlocks: [10.0.0.0/8]}}, {source: {serviceAccounts: [a/b, c]}}]
  to: [{operation: {methods: [GET], paths: ["/a/*", "/b/{*}/c/{**}"], ports: ["80"], hosts: ["*.com"]}}]
  when: [{key: "request.headers[x]", values: ["a*"]}, {key: source.ip, notValues: [10.0.0.1]}]`,
    ],
    ["allow nothing", "{}"],
    ["DENY without rules", "action: DENY", "spec.rules required"],
    ["CUSTOM without a provider", "action: CUSTOM\nrules: [{}]", "spec.provider.name required"],
    ["a provider without CUSTOM", "provider: {name: a}\nrules: [{}]", "spec.provider conflict"],
    [
      "empty lists",
      "rules: [{from: [], to: [], when: []}]",
      "spec.rules[0].from empty-list",
      "spec.rules[0].to empty-list",
      "spec.rules[0].when empty-list",
    ],
    [
      "empty entries",
      "rules: [{from: [{}, {source: {}}], to: [{operation: {}}], when: [{}]}]",
      "spec.rules[0].from[0].source required",
      "spec.rules[0].from[1].source required",
      "spec.rules[0].to[0].operation required",
      "spec.rules[0].when[0].key required",
      "spec.rules[0].when[0] required",
    ],
    [
      "bad values",
      'rules: [{from: [{source: {ipBlocks: [10.0.0], principals: [""]}}], to: [{operation: {ports: [http], paths: ["/{a}"]}}], when: [{key: source.colour, values: [a]}]}]',
      "spec.rules[0].from[0].source.principals[0] empty",
      "spec.rules[0].from[0].source.ipBlocks[0] address",
      "spec.rules[0].to[0].operation.ports[0] port",
      "spec.rules[0].to[0].operation.paths[0] path",
      "spec.rules[0].when[0].key condition",
    ],
    [
      "token claims",
      'rules: [{from: [{source: {requestPrincipals: [a]}}], when: [{key: "request.auth.claims[iss]", values: [a]}]}]',
      "spec.rules[0].from[0].source.requestPrincipals not-built",
      "spec.rules[0].when[0].key not-built",
    ],
    ["AUDIT", "action: AUDIT\nrules: [{}]", "warning spec.action not-built"],
    ["a Gateway to attach to", "targetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: a}]\nrules: [{}]"],
    ["a Service to attach to", "targetRefs: [{kind: Service, name: a}]\nrules: [{}]", "spec.targetRefs[0] not-built"],
    [
      "both forms",
      "targetRef: {kind: Gateway, group: gateway.networking.k8s.io, name: a}\ntargetRefs: [{kind: Gateway, group: gateway.networking.k8s.io, name: a}]\nrules: [{}]",
      "spec.targetRef conflict",
    ],
    [
      "a Gateway of the classic kind, elsewhere and without a name",
      'targetRef: {kind: Gateway, group: networking.istio.io, name: "", namespace: b}\nrules: [{}]',
      "spec.targetRef.name required",
      "spec.targetRef.namespace conflict",
      "spec.targetRef.kind kind",
    ],
  ],
  Telemetry: [
    ["access logs", "accessLogging: [{providers: [{name: envoy}], match: {mode: SERVER}, disabled: false}]"],
    [
      "a provider without a name",
      "accessLogging: [{providers: [{}]}]",
      "spec.accessLogging[0].providers[0].name required",
    ],
  ],
  RateLimit: [
    [
      "a full rule",
      'selector: {matchLabels: {app: a}}\nfailureMode: DENY\nrules: [{name: api, match: {methods: [GET], paths: [/a, "/b*"], headers: {x: y}}, countBy: [{header: user}, {peer: PRINCIPAL}], limit: {requests: 5, unit: MINUTE}}]',
    ],
    ["no rules", "{}", "spec.rules required"],
    ["an empty rule", "rules: [{}]", "spec.rules[0].name required", "spec.rules[0].limit required"],
    [
      "bad values",
      "rules: [{name: a, match: {methods: [get], paths: [a]}, countBy: [{}], limit: {}}, {name: a, limit: {requests: 1, unit: DAY}}]",
      "spec.rules[0].match.methods[0] method",
      "spec.rules[0].match.paths[0] path",
      "spec.rules[0].countBy[0] required",
      "spec.rules[0].limit.requests range",
      "spec.rules[0].limit.unit required",
      "spec.rules[1].name duplicate",
    ],
  ],
  MeshConfig: [
    [
      "the usual",
      'trustDomain: cluster.local\naccessLogFile: /dev/stdout\ndefaultConfig: {discoveryAddress: "istiod.istio-system.svc:15012"}\nextensionProviders: [{name: authz, envoyExtAuthzGrpc: {service: authz.foo.svc.cluster.local, port: 9000}}]',
    ],
    [
      "settings of proxies",
      "pathNormalization: {normalization: MERGE_SLASHES}\nmeshMTLS: {minProtocolVersion: TLSV1_3}\ntlsDefaults: {ecdhCurves: [P-256]}\nproxyHttpPort: 15080\ninboundTrafficPolicy: {mode: LOCALHOST}\ndefaultInboundHttpRetryPolicy: {attempts: 1}\nverifyCertificateAtClient: true",
    ],
    [
      "what only Istio does",
      "proxyHttpPort: 70000\nverifyCertificateAtClient: false\ningressControllerMode: DEFAULT\ningressService: a b\nca: {address: a}",
      "spec.proxyHttpPort port",
      "warning spec.ca not-built",
      "spec.ingressService name",
      "warning spec.verifyCertificateAtClient not-built",
    ],
    [
      "settings that proxies are started with",
      "defaultConfig: {concurrency: 0, drainDuration: 10s, interceptionMode: TPROXY, proxyMetadata: {A: b}, tracing: {sampling: 1}, statusPort: 15020}",
    ],
    ["fields of other versions", "mixerCheckServer: a", "warning spec.mixerCheckServer unknown-field"],
    [
      "providers",
      'extensionProviders: [{name: a}, {name: a, envoyExtAuthzHttp: {service: "", port: 0}}, {zipkin: {service: a, port: 1}}]',
      "spec.extensionProviders[0] required",
      "spec.extensionProviders[1].name duplicate",
      "spec.extensionProviders[1].envoyExtAuthzHttp.service host",
      "spec.extensionProviders[1].envoyExtAuthzHttp.port port",
      "spec.extensionProviders[2].name required",
    ],
  ],
} satisfies Record<string, readonly SpecCase[]>;

describeSpecs(cases);
