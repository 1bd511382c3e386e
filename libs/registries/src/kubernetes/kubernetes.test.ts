import assert from "node:assert/strict";
import { test } from "node:test";
import {
  convertEndpointSlice,
  convertPod,
  convertService,
  endpointsFromEntry,
  endpointsToEntry,
  localityOfNode,
  protocolOf,
  serviceFromEntry,
  serviceToEntry,
  workloadFromEntry,
  workloadToEntry,
} from "../index.ts";
import type { Conversion } from "../index.ts";

function converted<T>(conversion: Conversion<T>): T {
  assert.ok(conversion.ok, JSON.stringify(conversion));
  assert.ok(conversion.value);
  return conversion.value;
}

const port = (name: string, number = 80, more: { transport?: string; appProtocol?: string } = {}) => ({
  name,
  number,
  transport: "TCP",
  ...more,
});
const protocols = [
  [port("http"), "http"],
  [port("http-web"), "http"],
  [port("HTTP2-x"), "http2"],
  [port("grpc"), "grpc"],
  [port("grpc-web-x"), "grpc-web"],
  [port("https-x"), "https"],
  [port("tcp-x"), "tcp"],
  [port("tls"), "tls"],
  [port("mongo"), "mongo"],
  [port("redis"), "redis"],
  [port("mysql"), "mysql"],
  [port("web"), "auto"],
  [port("httpx"), "auto"],
  [port(""), "auto"],
  [port("", 3306), "tcp"],
  [port("http", 3306), "http"],
  [port("http", 53, { transport: "UDP" }), "udp"],
  [port("constructor"), "auto"],
  [port("http", 80, { appProtocol: "grpc" }), "grpc"],
  [port("web", 80, { appProtocol: "kubernetes.io/h2c" }), "http2"],
  [port("tcp", 80, { appProtocol: "kubernetes.io/wss" }), "https"],
] as const;

for (const [facts, protocol] of protocols)
  test(`${JSON.stringify(facts)} speaks ${protocol}`, () => assert.equal(protocolOf(facts), protocol));

const rawService = {
  apiVersion: "v1",
  kind: "Service",
  metadata: {
    name: "Reviews",
    namespace: "shop",
    labels: { b: "2", a: "1" },
    annotations: { "networking.istio.io/exportTo": "., prod" },
    creationTimestamp: "1970-01-01T00:00:01Z",
  },
  spec: {
    clusterIP: "10.0.0.1",
    clusterIPs: ["10.0.0.1", "fd00::1"],
    selector: { app: "reviews" },
    ports: [
      { name: "http", port: 80, targetPort: "web" },
      { port: 90, targetPort: 9090, appProtocol: "grpc" },
    ],
  },
};

test("a service, and its entry and back", () => {
  const service = converted(convertService(rawService, {}, { file: "a.yaml", line: 3 }));
  assert.deepEqual(service, {
    registry: "Kubernetes",
    namespace: "shop",
    name: "Reviews",
    host: "reviews.shop.svc.cluster.local",
    addresses: ["10.0.0.1", "fd00::1"],
    ports: [
      { name: "http", number: 80, protocol: "http", targetPort: 0, targetPortName: "web" },
      { name: "", number: 90, protocol: "grpc", targetPort: 9090, targetPortName: "" },
    ],
    labels: { a: "1", b: "2" },
    annotations: { "networking.istio.io/exportTo": "., prod" },
    selector: { app: "reviews" },
    createdAtMs: 1000,
    externalName: "",
    headless: false,
    exportTo: [".", "prod"],
    origin: { kind: "Service", namespace: "shop", name: "Reviews", file: "a.yaml", line: 3 },
  });
  assert.deepEqual(serviceFromEntry(serviceToEntry(service)), service);
});

test("headless and external services have no address", () => {
  const headless = converted(
    convertService({ ...rawService, spec: { clusterIP: "None", clusterIPs: ["None"] } }, { domain: "mesh.test" }),
  );
  assert.deepEqual([headless.headless, headless.addresses, headless.host], [true, [], "reviews.shop.svc.mesh.test"]);
  const external = converted(
    convertService({ ...rawService, spec: { type: "ExternalName", externalName: "Example.com" } }),
  );
  assert.deepEqual([external.headless, external.externalName], [false, "example.com"]);
});

test("where callers outside find a service: its load balancer's addresses or names, and external IPs", () => {
  const status = { loadBalancer: { ingress: [{ ip: "192.0.2.1" }, { hostname: "LB-1.example.com" }] } };
  const spec = { ...rawService.spec, externalIPs: ["192.0.2.9"] };
  const { externalAddresses } = converted(convertService({ ...rawService, spec, status }));
  assert.deepEqual(externalAddresses, ["192.0.2.1", "192.0.2.9", "lb-1.example.com"]);
});

test("a service that wants its clients kept apart is told what does that", () => {
  const spec = { ...rawService.spec, sessionAffinity: "ClientIP" };
  const conversion = convertService({ ...rawService, spec });
  assert.ok(conversion.ok && conversion.value !== undefined);
  const said = (conversion.unmet ?? []).map(({ path, message }) => [path.join("."), message.includes("useSourceIp")]);
  assert.deepEqual(said, [["spec.sessionAffinity", true]]);
  const none = convertService({ ...rawService, spec: { ...spec, sessionAffinity: "None" } });
  assert.ok(none.ok && none.unmet === undefined);
});

test("mistakes of a service are named", () => {
  const conversion = convertService({
    metadata: { labels: { a: 1 } },
    spec: { type: "ExternalName", ports: [{ name: "a" }, { port: 99999 }, 5] },
  });
  assert.ok(!conversion.ok);
  assert.deepEqual(
    conversion.mistakes.map(({ path }) => path.join(".")),
    [
      "metadata.name",
      "spec.externalName",
      "spec.ports.2",
      "spec.ports.0.port",
      "spec.ports.1.port",
      "spec.ports.2.port",
      "metadata.labels.a",
    ],
  );
});

const rawSlice = {
  metadata: { name: "reviews-1", namespace: "shop", labels: { "kubernetes.io/service-name": "reviews" } },
  addressType: "IPv4",
  endpoints: [
    {
      addresses: ["10.1.0.1"],
      conditions: {},
      nodeName: "n1",
      zone: "z",
      targetRef: { kind: "Pod", name: "reviews-x" },
    },
    { addresses: ["10.1.0.2"], conditions: { ready: false, serving: true, terminating: true }, hostname: "h" },
  ],
  ports: [{ name: "http", port: 9080 }],
};

test("endpoints, with the conditions' defaults, and their entry and back", () => {
  const slice = converted(convertEndpointSlice(rawSlice));
  assert.equal(slice.serviceHost, "reviews.shop.svc.cluster.local");
  assert.deepEqual(
    slice.endpoints.map(({ ready, serving, terminating, target }) => [ready, serving, terminating, target]),
    [
      [true, true, false, "reviews-x"],
      [false, true, true, ""],
    ],
  );
  assert.deepEqual(endpointsFromEntry(endpointsToEntry(slice)), slice);
});

test("slices of no service and of names count for nothing", () => {
  assert.deepEqual(convertEndpointSlice({ ...rawSlice, metadata: { name: "a" } }), { ok: true, value: undefined });
  assert.deepEqual(convertEndpointSlice({ ...rawSlice, addressType: "FQDN" }), { ok: true, value: undefined });
});

const rawPod = {
  metadata: {
    name: "reviews-6d4c-x",
    namespace: "shop",
    labels: { app: "reviews", version: "v2", "pod-template-hash": "6d4c" },
    annotations: { "sidecar.istio.io/status": "{}" },
    ownerReferences: [{ kind: "ReplicaSet", name: "reviews-6d4c", controller: true }],
  },
  spec: {
    nodeName: "n1",
    serviceAccountName: "reviews",
    containers: [{ ports: [{ name: "http", containerPort: 9080 }] }],
  },
  status: { phase: "Running", podIP: "10.1.0.1", podIPs: [{ ip: "10.1.0.1" }, { ip: "fd00::2" }] },
};

test("a pod is a workload of its Deployment, on its node, and its entry and back", () => {
  const locality = localityOfNode({
    metadata: { labels: { "topology.kubernetes.io/region": "r", "topology.kubernetes.io/zone": "z" } },
  });
  const workload = converted(convertPod(rawPod, { cluster: "c1" }, (node) => (node === "n1" ? locality : undefined)));
  assert.deepEqual(workload, {
    registry: "Kubernetes",
    namespace: "shop",
    name: "reviews-6d4c-x",
    addresses: ["10.1.0.1", "fd00::2"],
    labels: { app: "reviews", "pod-template-hash": "6d4c", version: "v2" },
    serviceAccount: "reviews",
    locality: { region: "r", zone: "z", subzone: "" },
    node: "n1",
    network: "",
    cluster: "c1",
    mutualTls: true,
    ports: { http: 9080 },
    canonicalName: "reviews",
    canonicalRevision: "v2",
    workloadName: "reviews",
  });
  assert.deepEqual(workloadFromEntry(workloadToEntry(workload)), workload);
});

test("labels decide about mutual TLS, names, network and locality", () => {
  const labels = {
    "security.istio.io/tlsMode": "disabled",
    "service.istio.io/canonical-name": "c",
    "topology.istio.io/network": "n",
    "istio-locality": "r.z.s",
  };
  const workload = converted(convertPod({ ...rawPod, metadata: { ...rawPod.metadata, labels } }));
  assert.deepEqual(
    [workload.mutualTls, workload.canonicalName, workload.canonicalRevision, workload.network, workload.locality],
    [false, "c", "latest", "n", { region: "r", zone: "z", subzone: "s" }],
  );
  assert.equal(converted(convertPod({ ...rawPod, metadata: { name: "bare" } })).mutualTls, false);
});

test("pods without an address, and those that have ended, count for nothing", () => {
  assert.deepEqual(convertPod({ ...rawPod, status: { phase: "Pending" } }), { ok: true, value: undefined });
  assert.deepEqual(convertPod({ ...rawPod, status: { ...rawPod.status, phase: "Succeeded" } }), {
    ok: true,
    value: undefined,
  });
});
