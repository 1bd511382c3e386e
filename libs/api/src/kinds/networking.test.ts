import type { SpecCase } from "../testing/decode-text.ts";
import { describeSpecs } from "../testing/spec-cases.ts";

const route = "route: [{destination: {host: reviews}}]";

const cases = {
  VirtualService: [
    [
      "a full route",
      `
hosts: [reviews, "*.example.com", 10.0.0.1]
gateways: [mesh, gw, infra/gw]
exportTo: ["."]
http:
- name: first
  match:
  - uri: {prefix: /a}
    method: {exact: GET}
    headers: {end-user: {regex: "j.*"}, ":authority": {exact: a}, x-present: {}}
    withoutHeaders: {x: {exact: y}}
    queryParams: {debug: {exact: "1"}}
    sourceLabels: {app: web}
    sourceNamespace: prod
    port: 80
  route:
  - destination: {host: reviews, subset: v1, port: {number: 9080}}
    weight: 25
    headers: {request: {set: {a: b}, remove: [c]}}
  - destination: {host: reviews.prod.svc.cluster.local}
    weight: 75
  rewrite: {uri: /b, authority: other}
  timeout: 1.5s
  retries: {attempts: 3, perTryTimeout: 100ms, retryOn: "5xx,503,reset"}
  fault: {delay: {percentage: {value: 0.1}, fixedDelay: 5s}, abort: {httpStatus: 503, percentage: {value: 100}}}
  corsPolicy: {allowOrigins: [{exact: "https://a.com"}], allowMethods: [GET], maxAge: 24h}
  mirrors: [{destination: {host: copy}, percentage: {value: 10}}]
- redirect: {uri: /c, redirectCode: 308}
  match: [{uri: {exact: /old}}]
- directResponse: {status: 404, body: {string: none}}`,
    ],
    ["nothing at all", "hosts: []", "spec required"],
    ["everything for the mesh", `hosts: ["*"]\nhttp: [{${route}}]`, "spec.hosts[0] host"],
    ["everything for a gateway", `hosts: ["*"]\ngateways: [gw]\nhttp: [{${route}}]`],
    [
      "bad names",
      `hosts: [a_b, "a.*.b", a.1]\ngateways: [a/b/c, ""]\nhttp: [{${route}}]`,
      "spec.hosts[0] host",
      "spec.hosts[1] host",
      "spec.hosts[2] host",
      "spec.gateways[0] gateway",
      "spec.gateways[1] gateway",
    ],
    ["a host twice", `hosts: [a, a]\nhttp: [{${route}}]`, "spec.hosts[1] duplicate"],
    ["no action", "hosts: [a]\nhttp: [{match: [{uri: {prefix: /}}]}]", "spec.http[0] required"],
    ["two actions", `hosts: [a]\nhttp: [{${route}, redirect: {uri: /}}]`, "spec.http[0].redirect conflict"],
    [
      "a redirect with a fault and a rewrite",
      "hosts: [a]\nhttp: [{redirect: {uri: /}, fault: {delay: {fixedDelay: 1s}}, rewrite: {uri: /}}]",
      "spec.http[0].fault conflict",
      "spec.http[0].rewrite conflict",
    ],
    [
      "negative weight",
      "hosts: [a]\nhttp: [{route: [{destination: {host: a}, weight: -1}, {destination: {host: b}, weight: 2}]}]",
      "spec.http[0].route[0].weight range",
    ],
    [
      "weights that add up to nothing",
      "hosts: [a]\nhttp: [{route: [{destination: {host: a}}, {destination: {host: b}}]}]",
      "spec.http[0].route weight",
    ],
    [
      "a destination without a host",
      "hosts: [a]\nhttp: [{route: [{destination: {subset: v1}}, {weight: 1}]}]",
      "spec.http[0].route[0].destination.host host",
      "spec.http[0].route[1].destination required",
    ],
    [
      "look-ahead in a regex",
      `hosts: [a]\nhttp: [{match: [{uri: {regex: "(?!x)"}}], ${route}}]`,
      "spec.http[0].match[0].uri.regex regex",
    ],
    [
      "a match of nothing",
      `hosts: [a]\nhttp: [{match: [{uri: {}, method: {exact: ""}}], ${route}}]`,
      "warning spec.http[0].match[0].uri no-effect",
      "warning spec.http[0].match[0].method.exact no-effect",
    ],
    [
      "a timeout of zero, one too fine",
      `hosts: [a]\nhttp: [{${route}, timeout: 0s, retries: {attempts: 1, perTryTimeout: 10us}}]`,
      "spec.http[0].timeout duration",
      "spec.http[0].retries.perTryTimeout duration",
    ],
    [
      "retries that are off but set",
      `hosts: [a]\nhttp: [{${route}, retries: {attempts: 0, retryOn: 5xx}}]`,
      "spec.http[0].retries.attempts required",
    ],
    [
      "negative retries, a misspelt condition",
      `hosts: [a]\nhttp: [{${route}, retries: {attempts: -1, retryOn: "5xy"}}]`,
      "spec.http[0].retries.attempts range",
      "spec.http[0].retries.retryOn retry-on",
    ],
    [
      "bad faults",
      `hosts: [a]\nhttp: [{${route}, fault: {delay: {exponentialDelay: 1s, percentage: {value: 101}}, abort: {grpcStatus: NOPE}}}]`,
      "spec.http[0].fault.delay.exponentialDelay unsupported",
      "spec.http[0].fault.delay.percentage.value percent",
      "spec.http[0].fault.abort.grpcStatus status",
    ],
    [
      "headers that may not be changed",
      `hosts: [a]\nhttp: [{${route}, headers: {request: {set: {":path": /, host: b}, remove: [host]}, response: {add: {"a b": c}}}}]`,
      'spec.http[0].headers.request.set[":path"] header',
      "spec.http[0].headers.request.remove[0] header",
      'spec.http[0].headers.response.add["a b"] header',
    ],
    [
      "routes behind a catch-all",
      `hosts: [a]\nhttp: [{${route}}, {match: [{uri: {prefix: /b}}], ${route}}]`,
      "warning spec.http[1] IST0130",
    ],
    [
      "exportTo",
      `hosts: [a]\nexportTo: ["*", default, ".", A_b]\nhttp: [{${route}}]`,
      "spec.exportTo[0] export-to",
      "spec.exportTo[3] export-to",
      "spec.exportTo[2] duplicate",
    ],
  ],
  Gateway: [
    [
      "all kinds of servers",
      `
selector: {istio: ingressgateway}
servers:
- port: {number: 80, name: http, protocol: HTTP}
  hosts: ["*.example.com", prod/a.example.com]
  tls: {httpsRedirect: true}
- port: {number: 443, name: https, protocol: HTTPS}
  hosts: ["*"]
  tls: {mode: MUTUAL, credentialName: certificate}`,
    ],
    ["no servers", "selector: {a: b}", "spec.servers required"],
    ["an empty server", "servers: [{}]", "spec.servers[0].hosts required", "spec.servers[0].port required"],
    [
      "a bad port",
      "servers: [{hosts: [a], port: {number: 70000, protocol: HTTPX}}]",
      "spec.servers[0].port.number port",
      "spec.servers[0].port.name required",
      "spec.servers[0].port.protocol protocol",
    ],
    [
      "TLS without settings, settings without TLS",
      "servers: [{hosts: [a], port: {number: 443, name: a, protocol: HTTPS}}, {hosts: [a], port: {number: 80, name: a, protocol: HTTP}, tls: {mode: SIMPLE, credentialName: a}}]",
      "spec.servers[0].tls required",
      "spec.servers[1].tls conflict",
      "spec.servers[1].port.name duplicate",
    ],
    [
      "SIMPLE without a certificate",
      "servers: [{hosts: [a], port: {number: 443, name: a, protocol: HTTPS}, tls: {mode: SIMPLE}}]",
      "spec.servers[0].tls.serverCertificate required",
      "spec.servers[0].tls.privateKey required",
    ],
    [
      "hosts",
      "servers: [{hosts: [a/b/c, A_/b], port: {number: 80, name: a, protocol: HTTP}}]",
      "spec.servers[0].hosts[0] host",
      "spec.servers[0].hosts[1] host",
    ],
  ],
  ServiceEntry: [
    [
      "STATIC",
      "hosts: [a.com]\nports: [{number: 80, name: http, protocol: HTTP}]\nresolution: STATIC\nlocation: MESH_INTERNAL\nendpoints: [{address: 10.0.0.1, ports: {http: 8080}, labels: {v: v1}}]",
    ],
    ["DNS", "hosts: [a.com]\nports: [{number: 443, name: tls, protocol: TLS}]\nresolution: DNS"],
    [
      "NONE over a network",
      'hosts: [a.com]\naddresses: [10.0.0.0/8, "2001:db8::/32"]\nports: [{number: 1, name: tcp, protocol: TCP}]',
    ],
    ["nothing at all", "{}", "spec.hosts required", "warning spec.ports IST0134"],
    ["every host", 'hosts: ["*"]\nports: [{number: 1, name: a, protocol: HTTP}]', "spec.hosts[0] host"],
    [
      "a network with DNS, a bad address",
      "hosts: [a.com]\naddresses: [10.0.0.0/8, 1.2.3]\nports: [{number: 1, name: a}]\nresolution: DNS",
      "spec.addresses[0] address",
      "spec.addresses[1] address",
    ],
    [
      "ports",
      "hosts: [a.com]\nresolution: DNS\nports: [{number: 1}, {number: 1, name: a, protocol: HTTP}, {number: 2, name: a, protocol: XXX}]",
      "spec.ports[0].name required",
      "spec.ports[1].number duplicate",
      "spec.ports[2].protocol protocol",
      "spec.ports[2].name duplicate",
    ],
    [
      "STATIC without endpoints",
      "hosts: [a.com]\nports: [{number: 1, name: a}]\nresolution: STATIC",
      "warning spec.endpoints no-endpoints",
    ],
    [
      "STATIC with a name",
      "hosts: [a.com]\nports: [{number: 1, name: a}]\nresolution: STATIC\nendpoints: [{address: b.com, ports: {b: 1}}]",
      "spec.endpoints[0].address address",
      "spec.endpoints[0].ports.b unknown-port",
    ],
    [
      "NONE with endpoints",
      "hosts: [a.com]\nports: [{number: 1, name: a, protocol: HTTP}]\nendpoints: [{address: 10.0.0.1}]",
      "spec.endpoints conflict",
    ],
    [
      "a wildcard that is to be resolved",
      'hosts: ["*.a.com"]\nports: [{number: 1, name: a}]\nresolution: DNS',
      "spec.hosts[0] host",
    ],
    [
      "hosts that are looked up",
      'hosts: ["*.a.com"]\nports: [{number: 80, name: a, protocol: HTTP}, {number: 443, name: b, protocol: TLS}]\nresolution: DYNAMIC_DNS',
    ],
    [
      "looked up without a name",
      'hosts: ["*.a.com", b.com]\nports: [{number: 1, name: a, protocol: TCP}, {number: 2, name: b}]\nresolution: DYNAMIC_DNS\nendpoints: [{address: 10.0.0.1}]',
      "spec.hosts[1] host",
      "spec.ports[0].protocol conflict",
      "spec.ports[1].protocol conflict",
      "warning spec.endpoints no-effect",
    ],
    [
      "endpoints and a selector",
      "hosts: [a.com]\nports: [{number: 1, name: a}]\nresolution: STATIC\nworkloadSelector: {labels: {a: b}}\nendpoints: [{address: 10.0.0.1}]",
      "spec.workloadSelector conflict",
    ],
  ],
  Sidecar: [
    [
      "everything it can say",
      `
workloadSelector: {labels: {app: web}}
egress:
- {port: {number: 9080, protocol: HTTP, name: a}, hosts: ["prod/*", "./reviews.shop.svc.cluster.local", "*/*.example.com"]}
- {port: {number: 0, protocol: HTTP, name: b}, bind: "unix:///run/a.sock", hosts: ["*/*", "~prod/*", "~./a.b"]}
- {port: {number: 3128, protocol: HTTP_PROXY}, bind: 127.0.0.1, captureMode: NONE, hosts: ["~/*"]}
- {hosts: ["./*"]}
ingress:
- {port: {number: 80, protocol: HTTP}, defaultEndpoint: "127.0.0.1:8080", connectionPool: {tcp: {maxConnections: 1}}}
- {port: {number: 81, protocol: TCP}, defaultEndpoint: "unix:///run/b.sock", bind: 10.0.0.1, captureMode: NONE}
- {port: {number: 443, protocol: HTTPS}, tls: {mode: SIMPLE, serverCertificate: /a, privateKey: /b}}
inboundConnectionPool: {http: {http2MaxRequests: 5}}
outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: a.b, port: {number: 1}}}`,
    ],
    ["nothing", "workloadSelector: {labels: {a: b}}", "spec required"],
    ["no hosts", "egress: [{hosts: []}]", "spec.egress[0].hosts required"],
    [
      "bad hosts",
      'egress: [{hosts: [a, "/a", "a/", "A/b", "a/b/c"]}]',
      "spec.egress[0].hosts[0] host",
      "spec.egress[0].hosts[1] host",
      "spec.egress[0].hosts[2] host",
      "spec.egress[0].hosts[3] host",
      "spec.egress[0].hosts[4] host",
    ],
    [
      "all ports before one",
      'egress: [{hosts: ["*/*"]}, {port: {number: 80, protocol: HTTP}, hosts: ["*/*"]}]',
      "spec.egress[0].port order",
    ],
    [
      "a socket with a port and capture",
      'egress: [{port: {number: 80, protocol: HTTP}, bind: "unix:///a", captureMode: IPTABLES, hosts: ["*/*"]}]',
      "spec.egress[0].captureMode conflict",
      "spec.egress[0].port.number conflict",
    ],
    ["an address without a port", 'egress: [{bind: 127.0.0.1, hosts: ["*/*"]}]', "spec.egress[0].port required"],
    [
      "a port twice",
      'egress: [{port: {number: 80, protocol: HTTP}, hosts: ["*/*"]}, {port: {number: 80, protocol: TCP}, bind: 127.0.0.1, hosts: ["*/*"]}]',
      "spec.egress[1].port duplicate",
    ],
    [
      "bad places of the application",
      'ingress: [{port: {number: 80, protocol: HTTP}, defaultEndpoint: "10.0.0.1:80"}, {port: {number: 81, protocol: HTTP}, defaultEndpoint: "127.0.0.1:0", bind: "unix:///a"}]',
      "spec.ingress[0].defaultEndpoint address",
      "spec.ingress[1].bind address",
      "spec.ingress[1].defaultEndpoint address",
    ],
    [
      "TLS of a gateway",
      "ingress: [{port: {number: 80, protocol: HTTPS}, tls: {mode: PASSTHROUGH, credentialName: a, serverCertificate: b, privateKey: c, caCertificates: d}}]",
      "spec.ingress[0].tls.credentialName conflict",
      "spec.ingress[0].tls.mode mode",
    ],
    [
      "an egress proxy for what is refused",
      "outboundTrafficPolicy: {egressProxy: {host: a.b}}",
      "spec.outboundTrafficPolicy.egressProxy conflict",
      "spec.outboundTrafficPolicy.egressProxy.port required",
    ],
  ],
} satisfies Record<string, readonly SpecCase[]>;

describeSpecs(cases);
