import type { SpecCase } from "../testing/decode-text.ts";
import { describeSpecs } from "../testing/spec-cases.ts";

const route = "route: [{destination: {host: a.b}}]";
const ports = "ports: [{number: 80, name: http, protocol: HTTP}]";
const policy = (text: string): string => `host: a.b\ntrafficPolicy: {${text}}`;

/** Where Istio's webhook is stricter or milder than one would guess; its users have such objects. */
const cases = {
  VirtualService: [
    [
      "percent signs in a header's value",
      `hosts: [a.b]\nhttp: [{${route}, headers: {request: {set: {a: "100%", ":authority": "%x"}}, response: {add: {a: "%REQ(x", b: "50%% of %REQ(x):3%"}}}}]`,
      "spec.http[0].headers.request.set.a header",
      'spec.http[0].headers.request.set[":authority"] header',
      "spec.http[0].headers.response.add.a header",
    ],
    [
      "faults that do nothing",
      `hosts: [a.b]\nhttp: [{${route}, fault: {abort: {}, delay: {}}}]`,
      "warning spec.http[0].fault.delay no-effect",
      "warning spec.http[0].fault.abort no-effect",
    ],
    ["an empty prefix of a path", `hosts: [a.b]\nhttp: [{match: [{uri: {prefix: ""}}], ${route}}]`],
    [
      "an empty prefix of a header",
      `hosts: [a.b]\nhttp: [{match: [{headers: {a: {prefix: ""}}}], ${route}}]`,
      "spec.http[0].match[0].headers.a.prefix empty",
    ],
    ["whatever a header's value", `hosts: [a.b]\nhttp: [{match: [{withoutHeaders: {a: {regex: "*"}}}], ${route}}]`],
    [
      "retries that are off and set",
      `hosts: [a.b]\nhttp: [{${route}, retries: {retryRemoteLocalities: false}}]`,
      "spec.http[0].retries.attempts required",
    ],
    [
      "a method nobody has",
      `hosts: [a.b]\nhttp: [{${route}, corsPolicy: {allowMethods: [GET, PUTT, "*"]}}]`,
      "spec.http[0].corsPolicy.allowMethods[1] method",
    ],
    [
      "a destination by address",
      "hosts: [a.b]\nhttp: [{route: [{destination: {host: 10.0.0.1}}]}]",
      "spec.http[0].route[0].destination.host host",
    ],
    [
      "a server name between networks",
      "hosts: [outbound_.80_._.a.b]\ngateways: [x]\ntls: [{match: [{sniHosts: [outbound_.80_._.a.b]}], route: [{destination: {host: a.b}}]}]",
    ],
    [
      "an address as a server name",
      "hosts: [a.b]\ntls: [{match: [{sniHosts: [1.1.1.1]}], route: [{destination: {host: a.b}}]}]",
      "warning spec.tls[0].match[0].sniHosts[0] ineffective",
    ],
    [
      "matches that earlier ones take",
      `hosts: [a.b]
http:
- {match: [{uri: {prefix: /a}}, {headers: {x: {exact: y}}}], ${route}}
- {match: [{uri: {prefix: /ab}, method: {exact: GET}}, {uri: {exact: /c}}], ${route}}
- {match: [{headers: {x: {exact: y}}}, {uri: {exact: /a}}], ${route}}
- {match: [{uri: {prefix: /A}}, {uri: {prefix: /b}, ignoreUriCase: true}], ${route}}`,
      "warning spec.http[1].match[0] IST0130",
      "warning spec.http[2] IST0130",
    ],
  ],
  DestinationRule: [
    [
      "two sources of a certificate",
      policy("tls: {mode: SIMPLE, credentialName: a, clientCertificate: /a, privateKey: /b}"),
      "spec.trafficPolicy.tls.clientCertificate conflict",
      "spec.trafficPolicy.tls.privateKey conflict",
    ],
    [
      "a CA that is not to verify",
      policy("tls: {mode: SIMPLE, credentialName: a, insecureSkipVerify: true}"),
      "spec.trafficPolicy.tls.insecureSkipVerify conflict",
    ],
    ["an own certificate, nobody verified", policy("tls: {mode: MUTUAL, credentialName: a, insecureSkipVerify: true}")],
    [
      "attributes of a cookie",
      policy(
        "loadBalancer: {consistentHash: {httpCookie: {name: a, ttl: 1s, attributes: [{name: x}, {}, {name: x}]}}}",
      ),
      "spec.trafficPolicy.loadBalancer.consistentHash.httpCookie.attributes[1].name required",
      "spec.trafficPolicy.loadBalancer.consistentHash.httpCookie.attributes[2].name duplicate",
    ],
    [
      "regions ordered twice",
      policy(
        "outlierDetection: {interval: 1s}, loadBalancer: {localityLbSetting: {failover: [{from: a, to: b}], failoverPriority: [topology.kubernetes.io/region]}}",
      ),
      "spec.trafficPolicy.loadBalancer.localityLbSetting.failoverPriority[0] conflict",
    ],
  ],
  ServiceEntry: [
    [
      "the same twice",
      `hosts: [a.b, a.b]\naddresses: [10.0.0.1, 10.0.0.1]\n${ports}`,
      "warning spec.hosts[1] duplicate",
      "warning spec.addresses[1] duplicate",
    ],
    [
      "hosts at one address",
      "hosts: [a.b, c.d]\naddresses: [10.0.0.1]\nports: [{number: 1, name: a, protocol: TCP}]",
      "warning spec.hosts conflict",
    ],
    ["a wildcard inside a label", `hosts: ["*a.b"]\n${ports}`, "warning spec.hosts[0] host"],
    [
      "workloads that are not asked",
      `hosts: [a.b]\n${ports}\nworkloadSelector: {labels: {}}`,
      "warning spec.workloadSelector empty-selector",
      "warning spec.workloadSelector no-effect",
    ],
    [
      "an endpoint behind a gateway",
      `hosts: [a.b]\n${ports}\nresolution: STATIC\nendpoints: [{network: x}, {}]`,
      "spec.endpoints[1].address address",
    ],
    [
      "endpoints of what is looked up",
      `hosts: ["*.a.b"]\nendpoints: [{address: 10.0.0.1}]\n${ports}\nresolution: DYNAMIC_DNS`,
      "warning spec.endpoints no-effect",
    ],
  ],
  WorkloadEntry: [
    ["behind the gateway of its network", "network: x"],
    ["nowhere", "weight: 1", "spec.address required"],
  ],
  Sidecar: [
    [
      "a port whose protocol is to be detected",
      "ingress: [{port: {number: 80, name: a}, defaultEndpoint: 127.0.0.1:80}]\negress: [{port: {number: 81, name: a}, hosts: [./*]}]",
    ],
    ["hosts twice", 'egress: [{hosts: ["*/*", a/b.c, "~/x.y"]}]', "warning spec.egress[0].hosts[1] duplicate"],
    [
      "hosts of a namespace twice",
      'egress: [{hosts: ["a/*", a/b.c, b/b.c]}]',
      "warning spec.egress[0].hosts[1] duplicate",
    ],
    ["a wildcard inside a label", 'egress: [{hosts: ["a/*b.c"]}]', "spec.egress[0].hosts[0] host"],
    [
      "requests of a port without any",
      "ingress: [{port: {number: 80, name: a, protocol: TCP}, connectionPool: {http: {maxRetries: 1}}}]",
      "warning spec.ingress[0].connectionPool.http no-effect",
    ],
  ],
  AuthorizationPolicy: [
    [
      "DENY by requests alone",
      "action: DENY\nrules: [{to: [{operation: {methods: [POST]}}]}, {to: [{operation: {methods: [POST]}}, {operation: {ports: ['80']}}]}]",
      "warning spec.rules[0].to denies-connections",
    ],
    ["an empty selector", "selector: {}", "warning spec.selector empty-selector"],
    [
      "no trust domain",
      "rules: [{from: [{source: {trustDomains: [a/b]}}]}]",
      "spec.rules[0].from[0].source.trustDomains[0] trust-domain",
    ],
  ],
  Telemetry: [
    ["an expression", 'accessLogging: [{filter: {expression: "response.code >= 400"}}]'],
    [
      "none",
      "accessLogging: [{filter: {expression: 'response.code >'}}, {filter: {}}]",
      "spec.accessLogging[0].filter.expression expression",
      "spec.accessLogging[1].filter.expression expression",
    ],
  ],
  MeshConfig: [
    [
      "defaults that cannot be",
      "defaultConfig: {proxyAdminPort: 65536, statusPort: -1, drainDuration: 0s, discoveryAddress: istiod, statsdUdpAddress: a}",
      "spec.defaultConfig.proxyAdminPort port",
      "spec.defaultConfig.statusPort port",
      "spec.defaultConfig.drainDuration duration",
      "spec.defaultConfig.discoveryAddress address",
      "spec.defaultConfig.statsdUdpAddress address",
    ],
  ],
} satisfies Record<string, readonly SpecCase[]>;

describeSpecs(cases);
