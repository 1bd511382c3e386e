import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { send, serviceEntry, virtualService } from "@lateen/e2e-harness";
import type { Feature, FeatureContext } from "./feature.ts";
import { askSocket, own, ownProxy, sampleOf, sidecarIn, sidecarOf, through } from "./own-proxy.ts";
import { sidecarIngressRows } from "./sidecar-ingress.rows.ts";

/** A second Service of the row, over the same workloads. */
function other(row: FeatureContext, more: object = {}): readonly object[] {
  return row.service({ suffix: "other", clusterIp: row.address(8), to: [row.workload("reviews", "v3")], ...more });
}

const otherHost = (row: FeatureContext): string => row.mesh.host(row.named("other").name);
const refused = 502;

const egressRows: readonly Feature[] = [
  {
    name: "a Sidecar's egress hosts are all its workloads reach",
    fields: ["Sidecar.egress.hosts", "Sidecar.workloadSelector.labels"],
    manifests: (row) => [...other(row), sidecarOf(row, { egress: [{ hosts: [own(row)] }] })],
    check: async (row) => {
      await using proxy = await ownProxy(row);
      assert.equal((await through(row, proxy)).status, 200);
      assert.equal((await through(row, proxy, { host: otherHost(row) })).status, refused);
      assert.equal((await row.answer({ host: otherHost(row) })).version, "v3", "a proxy without the label");
      assert.doesNotMatch(await proxy.admin.configDump(), new RegExp(otherHost(row)));
    },
  },
  {
    name: "an egress host behind ~ is taken out of what others import",
    fields: ["Sidecar.egress.hosts"],
    manifests: (row) => [
      ...other(row),
      sidecarOf(row, { egress: [{ hosts: ["./*", `~./${row.mesh.host(row.named("other").name)}`] }] }),
    ],
    check: async (row) => {
      await using proxy = await ownProxy(row);
      assert.equal((await through(row, proxy)).status, 200);
      assert.equal((await through(row, proxy, { host: otherHost(row) })).status, refused);
    },
  },
  {
    name: "~/* leaves a workload nothing to call",
    fields: ["Sidecar.egress.hosts"],
    manifests: (row) => [
      sidecarOf(row, {
        egress: [{ hosts: ["~/*"] }],
        ingress: [{ port: { number: row.ports(0), protocol: "HTTP", name: "in" }, defaultEndpoint: "127.0.0.1:1" }],
      }),
    ],
    check: async (row) => {
      await using proxy = await ownProxy(row);
      assert.equal((await through(row, proxy, { port: row.ports(0) })).status, 503, "its own port is there");
      await assert.rejects(send({ address: proxy.address, port: row.port, host: row.host }), /ECONNREFUSED/);
      assert.doesNotMatch(await proxy.admin.configDump(), /outbound\|/);
    },
  },
  {
    name: "an egress host's namespace decides whose services count",
    fields: ["Sidecar.egress.hosts"],
    manifests: (row) => [
      ...row.service({
        suffix: "far",
        namespace: "far",
        clusterIp: row.address(7),
        to: [row.workload("reviews", "v2")],
      }),
      sidecarOf(row, { egress: [{ hosts: ["far/*"] }] }),
    ],
    check: async (row) => {
      await using proxy = await ownProxy(row);
      const far = `${row.named("far").name}.far.svc.cluster.local`;
      assert.equal(sampleOf(await through(row, proxy, { host: far })).version, "v2");
      assert.equal((await through(row, proxy)).status, refused);
    },
  },
  {
    name: "an egress wildcard imports the hosts below it",
    fields: ["Sidecar.egress.hosts"],
    manifests: (row) => [
      ...["a.inside", "b.outside"].map((name, index) => entry(row, name, index)),
      sidecarOf(row, { egress: [{ hosts: [`*/*.inside.${row.slug}.test`] }] }),
    ],
    check: async (row) => {
      await using proxy = await ownProxy(row);
      assert.equal((await through(row, proxy, { host: `a.inside.${row.slug}.test` })).status, 200);
      assert.equal((await through(row, proxy, { host: `b.outside.${row.slug}.test` })).status, refused);
    },
  },
  {
    name: "an egress listener at an address and port of its own answers there",
    fields: [
      "Sidecar.egress.port.number",
      "Sidecar.egress.port.protocol",
      "Sidecar.egress.bind",
      "Sidecar.egress.captureMode",
    ],
    manifests: (row) => [
      ...other(row, { port: row.ports(1) }),
      sidecarOf(row, {
        egress: [
          {
            port: { number: row.ports(1), protocol: "HTTP", name: "own" },
            bind: row.address(0),
            captureMode: "NONE",
            hosts: [own(row, "other")],
          },
          { hosts: [own(row)] },
        ],
      }),
    ],
    check: async (row) => {
      await using proxy = await ownProxy(row);
      const there = { address: row.address(0), port: row.ports(1) };
      assert.equal(sampleOf(await through(row, proxy, { ...there, host: otherHost(row) })).version, "v3");
      assert.equal((await through(row, proxy, there)).status, refused, "only its own hosts");
      assert.equal((await through(row, proxy)).status, 200, "the other listener has the rest");
    },
  },
  {
    name: "an egress listener without a bind is on 127.0.0.1 when nothing captures",
    fields: ["Sidecar.egress.captureMode"],
    manifests: (row) => [
      ...other(row, { port: row.ports(1) }),
      sidecarOf(row, {
        egress: [
          { port: { number: row.ports(1), protocol: "HTTP", name: "own" }, captureMode: "NONE", hosts: ["./*"] },
        ],
      }),
    ],
    check: async (row) => {
      await using proxy = await ownProxy(row);
      const there = { address: "127.0.0.1", port: row.ports(1), host: otherHost(row) };
      assert.equal(sampleOf(await through(row, proxy, there)).version, "v3");
    },
  },
  {
    name: "an egress TCP listener takes bytes to its service",
    fields: ["Sidecar.egress.port.protocol"],
    manifests: (row) => [
      ...other(row, { port: row.ports(1), portName: "tcp" }),
      sidecarOf(row, {
        egress: [
          {
            port: { number: row.ports(1), protocol: "TCP", name: "own" },
            bind: row.address(0),
            hosts: [own(row, "other")],
          },
        ],
      }),
    ],
    check: async (row) => {
      await using _proxy = await ownProxy(row);
      const there = { address: row.address(0), port: row.ports(1), payload: "~bytes" };
      await row.eventually(async () => assert.equal(await row.talk(there), "reviews-v3:~bytes"));
    },
  },
  {
    name: "an egress listener on a Unix socket serves every port by name",
    fields: ["Sidecar.egress.bind"],
    manifests: (row) => [
      ...other(row, { port: row.ports(1) }),
      sidecarOf(row, {
        egress: [
          { port: { number: 0, protocol: "HTTP", name: "socket" }, bind: `unix://${socketOf(row)}`, hosts: ["./*"] },
        ],
      }),
    ],
    check: async (row) => {
      await using _proxy = await ownProxy(row);
      await row.eventually(async () => {
        assert.equal((await askSocket(socketOf(row), `${row.host}:${row.port}`)).status, 200);
      });
      const named = await askSocket(socketOf(row), `${otherHost(row)}:${row.ports(1)}`);
      assert.equal((JSON.parse(named.body) as { version: string }).version, "v3");
      assert.equal((await askSocket(socketOf(row), "nobody.example")).status, refused);
    },
  },
  {
    name: "an egress port of protocol HTTP_PROXY is a proxy for all its hosts",
    fields: ["Sidecar.egress.port.protocol"],
    manifests: (row) => [
      ...other(row, { port: row.ports(1) }),
      sidecarOf(row, {
        egress: [
          {
            port: { number: row.ports(2), protocol: "HTTP_PROXY", name: "proxy" },
            captureMode: "NONE",
            hosts: ["./*"],
          },
        ],
      }),
    ],
    check: async (row) => {
      await using proxy = await ownProxy(row);
      const asked = (host: string) => ({ address: "127.0.0.1", port: row.ports(2), host, path: `http://${host}/x` });
      const named = await through(row, proxy, asked(`${otherHost(row)}:${row.ports(1)}`));
      assert.deepEqual([sampleOf(named).version, sampleOf(named).path], ["v3", "/x"]);
      assert.equal((await through(row, proxy, asked(row.host))).status, 200, "without a port: the service's first");
      assert.equal((await through(row, proxy, asked("nobody.example"))).status, refused);
    },
  },
  {
    name: "a rule that is imported brings the service it leads to",
    fields: ["Sidecar.egress.hosts"],
    manifests: (row) => [
      ...other(row),
      row.http({ route: [{ destination: { host: otherHost(row) } }] }),
      sidecarOf(row, { egress: [{ hosts: [own(row)] }] }),
    ],
    check: async (row) => {
      await using proxy = await ownProxy(row);
      assert.equal(sampleOf(await through(row, proxy)).version, "v3");
      assert.equal((await through(row, proxy, { host: otherHost(row) })).status, refused, "not by its own name");
    },
  },
  {
    name: "a rule of a namespace that is not imported does not apply",
    fields: ["Sidecar.egress.hosts"],
    manifests: (row) => [
      virtualService(row.named(undefined, "elsewhere"), {
        hosts: [row.host],
        http: [{ directResponse: { status: 418 } }],
      }),
      sidecarOf(row, { egress: [{ hosts: ["./*"] }] }),
    ],
    check: async (row) => {
      await using proxy = await ownProxy(row);
      assert.equal((await through(row, proxy)).status, 200);
      assert.equal((await row.ask()).status, 418, "everybody else follows it");
    },
  },
  {
    name: "unknown hosts go to the egress proxy",
    fields: ["Sidecar.outboundTrafficPolicy.egressProxy.host", "Sidecar.outboundTrafficPolicy.mode"],
    manifests: (row) => [
      ...other(row),
      sidecarOf(row, {
        egress: [{ hosts: ["./*"] }],
        outboundTrafficPolicy: { mode: "ALLOW_ANY", egressProxy: { host: otherHost(row), port: { number: row.port } } },
      }),
    ],
    check: async (row) => {
      await using proxy = await ownProxy(row);
      const unknown = await through(row, proxy, { host: "nobody.example", path: "/a" });
      assert.deepEqual([sampleOf(unknown).version, sampleOf(unknown).headers["host"]], ["v3", "nobody.example"]);
    },
  },
];

const selectionRows: readonly Feature[] = [
  {
    name: "a Sidecar that selects wins over its namespace's",
    fields: ["Sidecar.workloadSelector.labels"],
    manifests: (row) => [
      ...row.service({
        suffix: "near",
        namespace: row.slug,
        clusterIp: row.address(7),
        to: [row.workload("reviews", "v2")],
      }),
      sidecarIn(row.named("default", row.slug), { egress: [{ hosts: ["~/*"] }] }),
      sidecarIn(row.named("chosen", row.slug), {
        workloadSelector: { labels: { role: "chosen" } },
        egress: [{ hosts: ["./*"] }],
      }),
    ],
    check: async (row) => {
      const host = `${row.named("near").name}.${row.slug}.svc.cluster.local`;
      await using chosen = await ownProxy(row, { namespace: row.slug, labels: { role: "chosen" } });
      assert.equal(sampleOf(await through(row, chosen, { host })).version, "v2");
      await using plain = await ownProxy(row, { namespace: row.slug, pod: "plain-1" });
      await assert.rejects(send({ address: plain.address, port: row.port, host }), /ECONNREFUSED/);
    },
  },
  {
    name: "the root namespace's Sidecar is for namespaces without one",
    fields: ["Sidecar.egress.hosts"],
    alone: true,
    manifests: (row) => [
      ...row.service({
        suffix: "near",
        namespace: row.slug,
        clusterIp: row.address(7),
        to: [row.workload("reviews", "v2")],
      }),
      sidecarIn(row.named("default", "istio-system"), { egress: [{ hosts: ["./*"] }] }),
      sidecarIn(row.named("own", `${row.slug}-b`), { egress: [{ hosts: ["*/*"] }] }),
    ],
    check: async (row) => {
      const near = `${row.named("near").name}.${row.slug}.svc.cluster.local`;
      await using inherits = await ownProxy(row, { namespace: row.slug });
      assert.equal(sampleOf(await through(row, inherits, { host: near })).version, "v2", "its own namespace");
      assert.equal((await through(row, inherits)).status, refused, "no other");
      await using has = await ownProxy(row, { namespace: `${row.slug}-b`, pod: "has-1" });
      assert.equal((await through(row, has)).status, 200);
    },
  },
];

function entry(row: FeatureContext, name: string, index: number): object {
  const { address, port } = row.workload("reviews", "v1");
  return serviceEntry(row.named(`e${index}`), {
    hosts: [`${name}.${row.slug}.test`],
    ports: [{ number: row.port, name: "http", protocol: "HTTP" }],
    resolution: "STATIC",
    endpoints: [{ address, ports: { http: port } }],
  });
}

function socketOf(row: FeatureContext): string {
  return `${tmpdir()}/lateen-${process.pid}-${row.ports(0)}.sock`;
}

export const sidecarRows: readonly Feature[] = [...egressRows, ...selectionRows, ...sidecarIngressRows];
