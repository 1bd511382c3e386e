import type { Message } from "@bufbuild/protobuf";
import type { MeshObject, Service, Workload } from "@lateen/model";
import assert from "node:assert/strict";
import { test } from "node:test";
import { analyze, decodeObject, readDocuments } from "../index.ts";

const service: Service = {
  registry: "Kubernetes",
  namespace: "default",
  name: "reviews",
  host: "reviews.default.svc.cluster.local",
  addresses: ["10.0.0.1"],
  ports: [{ name: "http", number: 80, protocol: "http", targetPort: 0, targetPortName: "" }],
  labels: {},
  annotations: {},
  selector: { app: "reviews" },
  createdAtMs: 0,
  externalName: "",
  headless: false,
  exportTo: [],
  origin: { kind: "Service", namespace: "default", name: "reviews" },
};

const workload: Workload = {
  registry: "Kubernetes",
  namespace: "default",
  name: "reviews-1",
  addresses: ["10.1.0.1"],
  labels: { app: "reviews", version: "v1" },
  serviceAccount: "default",
  locality: { region: "", zone: "", subzone: "" },
  node: "",
  network: "",
  cluster: "",
  mutualTls: true,
  ports: {},
  canonicalName: "reviews",
  canonicalRevision: "v1",
  workloadName: "reviews",
};

function objects(text: string): MeshObject<Message>[] {
  return readDocuments(text, "f.yaml").documents.map((document) => {
    const result = decodeObject(document.raw, document);
    assert.ok(result.ok, JSON.stringify(result));
    return result.object;
  });
}

const head = (kind: string, name: string): string =>
  `apiVersion: ${kind === "AuthorizationPolicy" ? "security" : kind === "Telemetry" ? "telemetry" : "networking"}.istio.io/v1\nkind: ${kind}\nmetadata: {name: ${name}}\n`;
const rules = (name: string, spec: string): string => `${head("VirtualService", name)}spec: {${spec}}\n---\n`;
const subsets = `${head("DestinationRule", "reviews")}spec: {host: reviews, subsets: [{name: v1, labels: {version: v1}}]}\n---\n`;
const gateway = (name: string): string =>
  `${head("Gateway", name)}spec: {selector: {app: reviews}, servers: [{port: {number: 80, name: a, protocol: HTTP}, hosts: ["*.example.com"]}]}\n---\n`;

const serverOf = (name: string, rest: string): string =>
  `${head("Gateway", name)}spec: {selector: {app: reviews}, servers: [{port: {number: 9000, name: a, ${rest}}]}\n---\n`;

const serviceEntry = (name: string, protocol: string): string =>
  `${head("ServiceEntry", name)}spec: {hosts: [a.com], resolution: DNS, ports: [{number: 80, name: p, protocol: ${protocol}}]}\n---\n`;

const envoyFilter = (name: string, patches: string, more = ""): string =>
  `apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: ${name}}\nspec: {configPatches: [${patches}]${more}}\n---\n`;
const removal = "{applyTo: CLUSTER, match: {proxy: {proxyVersion: x}}, patch: {operation: REMOVE, value: {name: n}}}";

const cases: readonly (readonly [name: string, text: string, ...said: RegExp[]])[] = [
  [
    "a relative operation without a priority",
    envoyFilter("a", removal),
    /^warning IST0151 a spec\.configPatches\[0\]: /,
  ],
  ["a relative operation with a priority", envoyFilter("a", removal, ", priority: 10")],
  [
    "a relative operation beside one for a version",
    envoyFilter("a", removal) + envoyFilter("b", removal),
    /^warning IST0151 a /,
    /^warning IST0155 b .* another patch of "n" /,
  ],
  [
    "operations that have no effect",
    envoyFilter(
      "a",
      "{applyTo: CLUSTER, patch: {operation: REPLACE, value: {name: a}}}, {applyTo: ROUTE_CONFIGURATION, patch: {operation: ADD, value: {name: a}}}, {applyTo: ROUTE_CONFIGURATION, patch: {operation: REMOVE}}",
      ", priority: 1",
    ),
    /^error IST0152 a spec\.configPatches\[0\]: REPLACE has no effect on CLUSTER/,
    /^error IST0153 a spec\.configPatches\[1\]: ADD /,
    /^error IST0154 a spec\.configPatches\[2\]: REMOVE /,
  ],
  [
    "a selector without workloads",
    envoyFilter(
      "a",
      "{applyTo: CLUSTER, patch: {operation: MERGE, value: {}}}",
      ", workloadSelector: {labels: {app: none}}",
    ),
    /^warning IST0127 a spec\.workloadSelector: no workload in namespace default has the labels app=none/,
  ],
  [
    "a Gateway that no workload is of",
    `${head("AuthorizationPolicy", "a")}spec: {targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: edge}], rules: [{}]}\n`,
    /^warning IST0127 a spec\.targetRefs: no workload in namespace default has the label gateway\.networking\.k8s\.io\/gateway-name=edge/,
  ],
  [
    "entries that want one port of one host for different protocols",
    serviceEntry("a", "HTTP") + serviceEntry("b", "TCP") + serviceEntry("c", "http"),
    /^warning IST0177 b a\.com:80 is TCP here and HTTP in ServiceEntry default\/a/,
  ],
  [
    "what fits together says nothing",
    subsets +
      gateway("gw") +
      rules(
        "a",
        "hosts: [a.example.com], gateways: [gw], http: [{route: [{destination: {host: reviews, subset: v1, port: {number: 80}}}]}]",
      ),
  ],
  [
    "an unknown host",
    rules("a", "hosts: [a], http: [{route: [{destination: {host: nowhere}}]}]"),
    /^error IST0101 a spec\.http\[0\]\.route\[0\]: the host "nowhere" \(nowhere\.default\.svc\.cluster\.local\) is not known/,
  ],
  [
    "delegates",
    rules("a", "hosts: [a], http: [{delegate: {name: tema}}, {delegate: {name: a}}, {delegate: {name: team}}]") +
      rules("team", "http: [{route: [{destination: {host: reviews, port: {number: 80}}}]}]"),
    /^error IST0101 a spec\.http\[0\]\.delegate: there is no VirtualService default\/tema; did you mean "default\/team"\?$/,
    /^error IST0101 a spec\.http\[1\]\.delegate: VirtualService default\/a has hosts/,
  ],
  [
    "an unknown port",
    rules("a", "hosts: [a], http: [{route: [{destination: {host: reviews, port: {number: 81}}}]}]"),
    /^error IST0101 a .* has no port 81; it has 80$/,
  ],
  [
    "an unknown subset",
    subsets + rules("a", "hosts: [a], http: [{route: [{destination: {host: reviews, subset: v11}}]}]"),
    /^error IST0101 a .*the subset "v11" .*did you mean "v1"\?$/,
  ],
  [
    "a subset without any rule",
    rules("a", "hosts: [a], http: [{route: [{destination: {host: reviews, subset: v1}}]}]"),
    /no DestinationRule is about reviews\.default/,
  ],
  [
    "an unknown gateway",
    gateway("gw") +
      rules("a", "hosts: [a.example.com], gateways: [gv], http: [{route: [{destination: {host: reviews}}]}]"),
    /^error IST0101 a .*no Gateway default\/gv; did you mean "default\/gw"\?$/,
  ],
  [
    "a host its gateway does not serve",
    gateway("gw") + rules("a", "hosts: [a.org], gateways: [gw], http: [{route: [{destination: {host: reviews}}]}]"),
    /^warning IST0132 a /,
  ],
  [
    "two for one host",
    rules("a", "hosts: [reviews], http: [{route: [{destination: {host: reviews}}]}]") +
      rules("b", "hosts: [reviews.default.svc.cluster.local], http: [{route: [{destination: {host: reviews}}]}]"),
    /^error IST0109 a .*default\/b/,
    /^error IST0109 b .*default\/a/,
  ],
  [
    "two Sidecars for the same workloads, and two for all",
    `${head("Sidecar", "a")}spec: {workloadSelector: {labels: {app: reviews}}, egress: [{hosts: ["*/*"]}]}\n---\n` +
      `${head("Sidecar", "b")}spec: {workloadSelector: {labels: {version: v1}}, egress: [{hosts: ["*/*"]}]}\n---\n` +
      `${head("Sidecar", "c")}spec: {egress: [{hosts: ["*/*"]}]}\n---\n${head("Sidecar", "d")}spec: {egress: [{hosts: ["*/*"]}]}\n`,
    /^error IST0110 a .* b selects/,
    /^error IST0110 b .* a selects/,
    /^error IST0111 c .* d in/,
    /^error IST0111 d .* c in/,
  ],
  [
    "a Sidecar for nobody",
    `${head("Sidecar", "a")}spec: {workloadSelector: {labels: {app: none}}, egress: [{hosts: ["*/*"]}]}\n`,
    /^warning IST0127 a /,
  ],
  [
    "a network of nothing",
    "apiVersion: mesh.istio.io/v1alpha1\nkind: MeshNetworks\nmetadata: {name: a, namespace: istio-system}\nspec: {networks: {east: {endpoints: [{fromRegistry: elsewhere}, {fromRegistry: Kubernetes}]}}}\n",
    /^error IST0126 a .*elsewhere.*Kubernetes/,
  ],
  ["a rule for no host", `${head("DestinationRule", "a")}spec: {host: nowhere}\n`, /^warning IST0174 a /],
  [
    "a subset of nobody",
    `${head("DestinationRule", "a")}spec: {host: reviews, subsets: [{name: v2, labels: {version: v2}}]}\n`,
    /^error IST0173 a .*version=v2/,
  ],
  [
    "gateways that want one port for different protocols",
    serverOf("a", "protocol: TCP}, hosts: [a.com]") + serverOf("b", "protocol: HTTP}, hosts: [b.com]"),
    /^error IST0145 a /,
    /^error IST0145 b /,
  ],
  [
    "gateways that share a port by server name",
    serverOf("a", "protocol: HTTPS}, hosts: [a.com], tls: {mode: SIMPLE, credentialName: a}") +
      serverOf("b", "protocol: TLS}, hosts: [b.com], tls: {mode: PASSTHROUGH}"),
  ],
  ["gateways in each other's way", gateway("a") + gateway("b"), /^error IST0145 a /, /^error IST0145 b /],
  [
    "a policy for nobody",
    `${head("AuthorizationPolicy", "a")}spec: {selector: {matchLabels: {app: x}}}\n`,
    /^warning IST0127 a .*app=x/,
  ],
  [
    "an unknown authorizer",
    `${head("AuthorizationPolicy", "a")}spec: {action: CUSTOM, provider: {name: lateen-polcy}, rules: [{}]}\n`,
    /did you mean "lateen-policy"\?$/,
  ],
  [
    "two Telemetries for a namespace",
    `${head("Telemetry", "a")}spec: {}\n---\n${head("Telemetry", "b")}spec: {}\n`,
    /^error IST0160 a /,
    /^error IST0160 b /,
  ],
  [
    "a ServiceEntry makes a host known",
    `${head("ServiceEntry", "a")}spec: {hosts: ["*.org"], ports: [{number: 80, name: http, protocol: HTTP}]}\n---\n${rules("b", "hosts: [a], http: [{route: [{destination: {host: x.org}}]}]")}`,
  ],
];

for (const [name, text, ...said] of cases) {
  test(`analysis: ${name}`, () => {
    const findings = analyze({ objects: objects(text), services: [service], workloads: [workload] }).map(
      ({ object, severity, code, message }) => `${severity} ${code} ${object.name} ${message}`,
    );
    assert.equal(findings.length, said.length, findings.join("\n"));
    for (const [index, pattern] of said.entries()) assert.match(findings[index] ?? "", pattern);
  });
}

test("analysis: a port that does not say its protocol", () => {
  const vague = {
    ...service,
    ports: [{ name: "web", number: 80, protocol: "auto" as const, targetPort: 0, targetPortName: "" }],
  };
  assert.deepEqual(
    analyze({ objects: [], services: [vague] }).map((each) => each.code),
    ["IST0118"],
  );
});

test("a Gateway's credential is looked for where its pods are", () => {
  const tls = "{mode: MUTUAL, credentialName: here, caCertCredentialName: ca}";
  const text =
    serverOf("a", `protocol: HTTPS}, hosts: [a.com], tls: ${tls}`) +
    serverOf("b", "protocol: HTTPS}, hosts: [b.com], tls: {mode: SIMPLE, credentialName: ther}") +
    serverOf("c", 'protocol: HTTPS}, hosts: [c.com], tls: {mode: SIMPLE, credentialName: "kubernetes://other/there"}');
  const secrets = new Set(["default/here", "default/ca-cacert", "default/there"]);
  const said = analyze({ objects: objects(text), workloads: [workload], services: [service], secrets });
  assert.deepEqual(
    said.filter(({ code }) => code === "IST0101").map(({ object, message }) => `${object.name}: ${message}`),
    [
      'b: spec.servers[0].tls: there is no Secret default/ther, so connections to it fail until there is one; did you mean "default/there"?',
      "c: spec.servers[0].tls: there is no Secret other/there, so connections to it fail until there is one",
    ],
  );
});

test("backends of the mesh's Ingresses are Services with that port; others' are not looked at", () => {
  const ingress = (name: string, className: string, backend: string): string =>
    `apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: ${name}, annotations: {kubernetes.io/ingress.class: ${className}}}\nspec: {defaultBackend: {service: ${backend}}}\n`;
  const text = [
    ingress("good", "istio", "{name: reviews, port: {name: http}}"),
    ingress("nobody", "istio", "{name: missing, port: {number: 80}}"),
    ingress("port", "istio", "{name: reviews, port: {number: 81}}"),
    ingress("theirs", "other", "{name: missing, port: {number: 80}}"),
  ].join("---\n");
  assert.deepEqual(
    analyze({ objects: objects(text), services: [service] }).map(({ object, code, message }) => [
      object.name,
      code,
      message.split(":")[0],
    ]),
    [
      ["nobody", "IST0101", "spec.defaultBackend.service.name"],
      ["port", "IST0101", "spec.defaultBackend.service.port"],
    ],
  );
});
