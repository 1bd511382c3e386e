import assert from "node:assert/strict";
import { endpointSlice, namespacesMissing, SampleApp, service } from "@lateen/e2e-harness";
import type { CapturedPod, InsideAnswer } from "./captured-pod.ts";
import type { Feature, FeatureContext } from "./feature.ts";
import { sidecarOf } from "./own-proxy.ts";

const missing = await namespacesMissing();
const policy = "Sidecar.outboundTrafficPolicy";
const ingress = "Sidecar.ingress";

/** A server on this machine that nobody in the mesh knows; its address is there with the pod. */
async function stranger(row: FeatureContext): Promise<SampleApp> {
  return await SampleApp.start({ app: "stranger", version: "v1", port: row.ports(0), address: row.podLink(0).gateway });
}

/** The pod calls the stranger: by HTTP, and with bytes. */
async function callStranger(row: FeatureContext, pod: CapturedPod): Promise<{ http: InsideAnswer; tcp: string }> {
  const to = { host: row.podLink(0).gateway, port: row.ports(0) };
  return { http: await pod.ask(to), tcp: await pod.talk({ ...to, payload: "~bytes" }) };
}

/** A Service with a port of the row's own pod. */
function ownService(row: FeatureContext, portName: string, port: number): readonly object[] {
  const at = row.named("pod");
  const { address } = row.podLink(0);
  const clusterIp = "10.251.0.1";
  const [made] = [service(at, { clusterIp, app: "none", port })] as [{ spec: { ports: object[] } }];
  return [
    { ...made, spec: { clusterIP: clusterIp, ports: [{ name: portName, port, targetPort: portName }] } },
    endpointSlice(at, { service: at.name, portName, address, port }),
  ];
}

const rows: readonly Feature[] = [
  {
    name: "ALLOW_ANY lets captured calls reach a server nobody knows",
    fields: [`${policy}.mode`],
    service: false,
    manifests: (row) => [
      sidecarOf(row, { egress: [{ hosts: ["./*"] }], outboundTrafficPolicy: { mode: "ALLOW_ANY" } }),
    ],
    check: async (row) => {
      await using pod = await row.startPod({ labels: { row: row.slug } });
      await using _server = await stranger(row);
      const { http, tcp } = await callStranger(row, pod);
      assert.equal(http.status, 200);
      assert.equal(tcp, "stranger-v1:~bytes");
    },
  },
  {
    name: "REGISTRY_ONLY refuses captured calls to what nobody knows",
    fields: [`${policy}.mode`],
    manifests: (row) => [
      sidecarOf(row, { egress: [{ hosts: ["./*"] }], outboundTrafficPolicy: { mode: "REGISTRY_ONLY" } }),
    ],
    check: async (row) => {
      await using pod = await row.startPod({ labels: { row: row.slug } });
      await using server = await stranger(row);
      const { http, tcp } = await callStranger(row, pod);
      assert.equal(http.error, "ECONNRESET");
      assert.match(tcp, /^(closed|ECONNRESET)$/);
      assert.equal((await pod.ask({ host: server.options.address ?? "", port: row.port })).status, 502, "an HTTP port");
      assert.equal(server.requests, 0);
    },
  },
  {
    name: "a Sidecar's word counts before the mesh's REGISTRY_ONLY",
    fields: [`${policy}.mode`],
    service: false,
    alone: true,
    meshConfig: () => ({ outboundTrafficPolicy: { mode: "REGISTRY_ONLY" } }),
    manifests: (row) => [sidecarOf(row, { outboundTrafficPolicy: { mode: "ALLOW_ANY" } })],
    check: async (row) => {
      await using allowed = await row.startPod({ labels: { row: row.slug } });
      await using _server = await stranger(row);
      assert.equal((await callStranger(row, allowed)).tcp, "stranger-v1:~bytes");
      await using other = await row.startPod({ link: 1 });
      const to = { host: row.podLink(1).gateway, port: row.ports(0) };
      await using _second = await SampleApp.start({ app: "s", version: "v1", port: to.port, address: to.host });
      assert.match(await other.talk({ ...to, payload: "~bytes" }), /^(closed|ECONNRESET)$/);
    },
  },
  {
    name: "captured bytes to an unknown place go to the egress proxy",
    fields: [`${policy}.egressProxy.port`],
    service: false,
    manifests: (row) => [
      ...row.service({ suffix: "exit", portName: "tcp", clusterIp: "10.251.0.2", to: [] }),
      endpointSlice(row.named("exit"), {
        service: row.named("exit").name,
        portName: "tcp",
        address: row.podLink(0).gateway,
        port: row.ports(0),
      }),
      sidecarOf(row, {
        egress: [{ hosts: ["./*"] }],
        outboundTrafficPolicy: {
          mode: "ALLOW_ANY",
          egressProxy: { host: row.mesh.host(row.named("exit").name), port: { number: row.port } },
        },
      }),
    ],
    check: async (row) => {
      await using pod = await row.startPod({ labels: { row: row.slug } });
      await using _server = await stranger(row);
      const answer = await pod.talk({ host: "203.0.113.7", port: 4321, payload: "~bytes" });
      assert.equal(answer, "stranger-v1:~bytes");
    },
  },
  {
    name: "a port of an unknown protocol carries HTTP by its rules and bytes",
    fields: ["Sidecar.egress.hosts"],
    service: false,
    manifests: (row) => [
      ...row.service({ suffix: "any", portName: "any", port: row.ports(1), clusterIp: "10.251.0.3", to: [] }),
      endpointSlice(row.named("any"), {
        service: row.named("any").name,
        portName: "any",
        address: row.podLink(0).gateway,
        port: row.ports(0),
      }),
      row.virtualService({
        hosts: [row.mesh.host(row.named("any").name)],
        http: [
          {
            headers: { request: { set: { "x-ruled": "yes" } } },
            route: [{ destination: { host: row.mesh.host(row.named("any").name) } }],
          },
        ],
      }),
    ],
    check: async (row) => {
      await using pod = await row.startPod({});
      await using _server = await stranger(row);
      const to = { host: "10.251.0.3", port: row.ports(1) };
      const payload = "\u0001bytes";
      const http = await pod.ask(to);
      assert.equal((JSON.parse(http.body ?? "") as { headers: Record<string, string> }).headers["x-ruled"], "yes");
      assert.equal(await pod.talk({ ...to, payload }), `stranger-v1:${payload}`);
    },
  },
  ...(["REDIRECT", "TPROXY"] as const).map(
    (mode): Feature => ({
      name: `${mode} ${mode === "TPROXY" ? "keeps the caller's address" : "shows the proxy's address"} to the application`,
      fields: [`${ingress}.captureMode`],
      service: false,
      manifests: (row) => ownService(row, "http", row.ports(1)),
      check: async (row) => {
        await using pod = await row.startPod({ mode });
        await pod.serve({ name: "app", port: row.ports(1) });
        const { address, gateway } = row.podLink(0);
        await row.eventually(async () => {
          const answer = await row.ask({ address, port: row.ports(1), host: "app" });
          const { from } = JSON.parse(answer.body) as { from: string };
          assert.equal(from.replace("::ffff:", ""), mode === "TPROXY" ? gateway : "127.0.0.6");
          assert.equal(answer.headers["server"], "istio-envoy");
        });
      },
    }),
  ),
  {
    name: "a server that speaks first is heard where mutual TLS is off",
    fields: [`${ingress}.captureMode`],
    service: false,
    manifests: (row) => ownService(row, "tcp", row.ports(1)),
    check: async (row) => {
      await using pod = await row.startPod({});
      await pod.greet({ name: "app", port: row.ports(1) });
      const { address } = row.podLink(0);
      await row.eventually(async () => {
        assert.match(await row.talk({ address, port: row.ports(1), payload: "" }), /^hello, /);
      });
    },
  },
  {
    name: "a port that comes in with an unknown protocol takes HTTP and bytes",
    fields: [`${ingress}.captureMode`],
    service: false,
    manifests: (row) => ownService(row, "any", row.ports(1)),
    check: async (row) => {
      await using pod = await row.startPod({});
      await pod.serve({ name: "app", port: row.ports(1) });
      const { address } = row.podLink(0);
      const to = { address, port: row.ports(1) };
      await row.eventually(async () => {
        assert.equal((await row.ask({ ...to, host: "app" })).headers["server"], "istio-envoy");
        assert.match(await row.talk({ ...to, payload: "\u0001bytes" }), /400 Bad Request/, "the program's own answer");
      });
    },
  },
  {
    name: "protocolDetectionTimeout lets a server speak first on a port of unknown protocol",
    fields: ["MeshConfig.protocolDetectionTimeout"],
    service: false,
    alone: true,
    meshConfig: () => ({ protocolDetectionTimeout: "0.1s" }),
    manifests: (row) => ownService(row, "any", row.ports(1)),
    check: async (row) => {
      await using pod = await row.startPod({});
      await pod.greet({ name: "app", port: row.ports(1) });
      const { address } = row.podLink(0);
      await row.eventually(async () => {
        assert.match(await row.talk({ address, port: row.ports(1), payload: "" }), /^hello, /);
      });
    },
  },
  {
    name: "a captured ingress port leads to another port of the pod",
    fields: [`${ingress}.defaultEndpoint`],
    service: false,
    manifests: (row) => [
      sidecarOf(row, {
        ingress: [
          { port: { number: row.ports(1), protocol: "HTTP", name: "a" }, defaultEndpoint: `127.0.0.1:${row.ports(3)}` },
          { port: { number: row.ports(2), protocol: "HTTP", name: "b" }, defaultEndpoint: `0.0.0.0:${row.ports(4)}` },
        ],
      }),
    ],
    check: async (row) => {
      const { address } = row.podLink(0);
      await using pod = await row.startPod({ labels: { row: row.slug } });
      await pod.serve({ name: "on loopback", port: row.ports(3), address: "127.0.0.1" });
      await pod.serve({ name: "on its address", port: row.ports(4), address });
      const named = async (port: number): Promise<string> =>
        (JSON.parse((await row.ask({ address, port, host: "app" })).body) as { name: string }).name;
      assert.deepEqual([await named(row.ports(1)), await named(row.ports(2))], ["on loopback", "on its address"]);
    },
  },
  {
    name: "inboundTrafficPolicy LOCALHOST reaches programs on 127.0.0.1",
    fields: ["MeshConfig.inboundTrafficPolicy.mode"],
    service: false,
    alone: true,
    meshConfig: () => ({ inboundTrafficPolicy: { mode: "LOCALHOST" } }),
    manifests: (row) => ownService(row, "http", row.ports(1)),
    check: async (row) => {
      const { address } = row.podLink(0);
      await using pod = await row.startPod({});
      await pod.serve({ name: "hidden", port: row.ports(1), address: "127.0.0.1" });
      await row.eventually(async () => {
        assert.match((await row.ask({ address, port: row.ports(1), host: "app" })).body, /"name":"hidden"/);
      });
    },
  },
  {
    name: "the mesh's own listen ports take what is captured",
    fields: ["MeshConfig.proxyListenPort", "MeshConfig.proxyInboundListenPort"],
    service: false,
    alone: true,
    meshConfig: (row) => ({ proxyListenPort: row.ports(2), proxyInboundListenPort: row.ports(3) }),
    manifests: (row) => [
      ...ownService(row, "http", row.ports(1)),
      ...row.service({ suffix: "out", clusterIp: "10.251.0.4", to: [] }),
      endpointSlice(row.named("out"), {
        service: row.named("out").name,
        portName: "http",
        address: row.podLink(0).gateway,
        port: row.ports(0),
      }),
    ],
    check: async (row) => {
      const flags = ["-p", String(row.ports(2)), "-z", String(row.ports(3))];
      await using pod = await row.startPod({ flags });
      await using _server = await stranger(row);
      await pod.serve({ name: "app", port: row.ports(1) });
      const { address } = row.podLink(0);
      await row.eventually(async () => {
        assert.equal((await pod.ask({ host: "10.251.0.4", port: row.port })).status, 200);
        const answer = await row.ask({ address, port: row.ports(1), host: "app" });
        assert.equal(answer.headers["server"], "istio-envoy");
      });
    },
  },
  {
    name: "a port no service speaks of is passed on as it is",
    fields: [`${ingress}.captureMode`],
    service: false,
    manifests: () => [],
    check: async (row) => {
      const { address } = row.podLink(0);
      await using pod = await row.startPod({});
      await pod.serve({ name: "unknown", port: row.ports(2) });
      const answer = await row.ask({ address, port: row.ports(2), host: "app" });
      assert.match(answer.body, /"name":"unknown"/);
      assert.match(await pod.admin.configDump(), /InboundPassthroughCluster/);
    },
  },
];

/** What captured traffic does: each row in a network namespace with the proxy image's own rules. */
export const captureRows: readonly Feature[] = rows.map((row) =>
  missing === undefined ? row : { ...row, skip: missing },
);
