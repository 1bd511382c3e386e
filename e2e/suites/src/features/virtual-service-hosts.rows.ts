import assert from "node:assert/strict";
import type { Feature } from "./feature.ts";

/** Whose requests a VirtualService decides. */
export const virtualServiceHostRows: readonly Feature[] = [
  {
    name: "short names in hosts and destinations are services of the rule's namespace",
    fields: ["VirtualService.hosts", "VirtualService.http.route.destination.host"],
    manifests: (row) => {
      const { name } = row.named();
      const at = row.named(undefined, "team-b");
      return [
        ...row.service({ namespace: "team-b", to: [row.workload("reviews", "v3")], clusterIp: row.address(1) }),
        {
          ...row.virtualService({}),
          metadata: at,
          spec: {
            hosts: [name],
            http: [{ route: [{ destination: { host: name } }], headers: { request: { set: { "x-rule": "team-b" } } } }],
          },
        },
      ];
    },
    check: async (row) => {
      const inner = await row.answer({ host: `${row.named().name}.team-b.svc.cluster.local` });
      assert.deepEqual([inner.version, inner.headers["x-rule"]], ["v3", "team-b"]);
      assert.equal((await row.answer()).headers["x-rule"], undefined);
    },
  },
  {
    name: "a host that ends with a dot is the same host",
    fields: ["VirtualService.hosts"],
    manifests: (row) => [row.subsets(), row.virtualService({ hosts: [row.host], http: [{ route: [row.to("v2")] }] })],
    check: async (row) => {
      assert.equal((await row.answer({ host: `${row.host}.` })).version, "v2");
      assert.equal((await row.answer({ host: `${row.host}.:${row.port}` })).version, "v2");
    },
  },
  {
    name: "an exact host comes before a wildcard, and a longer wildcard before a shorter one",
    fields: ["VirtualService.hosts"],
    service: false,
    manifests: (row) => {
      const entry = (host: string, index: number): object => ({
        apiVersion: "networking.istio.io/v1",
        kind: "ServiceEntry",
        metadata: row.named(`entry-${index}`),
        spec: {
          hosts: [host],
          resolution: "STATIC",
          location: "MESH_EXTERNAL",
          ports: [{ number: row.port, name: "http", protocol: "HTTP" }],
          endpoints: [
            { address: row.workload("reviews", "v1").address, ports: { http: row.workload("reviews", "v1").port } },
          ],
        },
      });
      const rules = (host: string, status: number): object =>
        row.virtualService({ hosts: [host], http: [{ directResponse: { status } }] }, String(status));
      const base = `${row.slug}.test`;
      return [
        ...[`a.b.${base}`, `c.b.${base}`, `d.${base}`].map(entry),
        rules(`*.${base}`, 411),
        rules(`*.b.${base}`, 412),
        rules(`a.b.${base}`, 413),
      ];
    },
    check: async (row) => {
      const status = async (name: string): Promise<number> =>
        (await row.ask({ host: `${name}.${row.slug}.test` })).status;
      assert.deepEqual([await status("a.b"), await status("c.b"), await status("d")], [413, 412, 411]);
    },
  },
  {
    name: "a host that no registry knows is routed on the ports of the rule's other hosts",
    fields: ["VirtualService.hosts"],
    manifests: (row) => [
      row.subsets(),
      row.virtualService({ hosts: [row.host, `${row.slug}.nowhere.test`], http: [{ route: [row.to("v2")] }] }),
    ],
    check: async (row) => {
      assert.equal((await row.answer()).version, "v2");
      assert.equal((await row.answer({ host: `${row.slug}.nowhere.test` })).version, "v2");
    },
  },
  {
    name: "a VirtualService that is exported to one namespace does not bind others",
    fields: ["VirtualService.exportTo"],
    manifests: (row) => [
      row.subsets(),
      row.virtualService({ hosts: [row.host], exportTo: ["team-b"], http: [{ route: [row.to("v3")] }] }),
    ],
    check: async (row) => {
      assert.deepEqual(await row.split(12, { from: "client" }), { v3: 12 });
      assert.ok(Object.keys(await row.split(30)).length > 1, "the frontend's namespace is not bound");
    },
  },
  {
    name: "of two VirtualServices for a host sidecars follow the older, and the other one is told",
    fields: ["VirtualService.hosts"],
    manifests: (row) => [
      row.subsets(),
      row.virtualService({ hosts: [row.host], http: [{ route: [row.to("v2")] }] }, "a"),
      row.virtualService(
        { hosts: [row.host], http: [{ match: [{ uri: { prefix: "/b" } }], route: [row.to("v3")] }] },
        "b",
      ),
    ],
    check: async (row) => {
      assert.equal((await row.answer("/b")).version, "v2");
      assert.match(await row.findings(), /shadowed-virtual-service/);
    },
  },
  {
    name: "on a gateway all VirtualServices of a host count, the older first and catch-alls last",
    fields: ["VirtualService.gateways"],
    manifests: (row) => [
      row.subsets(),
      ...[
        { route: [row.to("v1")] },
        { match: [{ uri: { prefix: "/b" } }], route: [row.to("v2")] },
        { match: [{ uri: { prefix: "/b/c" } }, { uri: { prefix: "/d" } }], route: [row.to("v3")] },
      ].map((rule, index) =>
        row.virtualService({ hosts: [row.publicHost], gateways: ["edge"], http: [rule] }, String(index)),
      ),
    ],
    check: async (row) => {
      const version = async (path: string): Promise<string> => (await row.answerOfGateway(path)).version;
      assert.deepEqual(
        [await version("/"), await version("/b"), await version("/b/c"), await version("/d")],
        ["v1", "v2", "v2", "v3"],
      );
    },
  },
  {
    name: "the host * of a gateway takes what no other host takes",
    fields: ["VirtualService.hosts"],
    manifests: (row) => [
      row.gateway({
        selector: { istio: "edge" },
        servers: [{ port: { number: row.ports(0), name: "http", protocol: "HTTP" }, hosts: ["*"] }],
      }),
      row.subsets(),
      ...Object.entries({ v1: "*", v2: "*.example.org", v3: `${row.slug}.example.org` }).map(([subset, host]) =>
        row.virtualService({ hosts: [host], gateways: [row.slug], http: [{ route: [row.to(subset)] }] }, subset),
      ),
    ],
    check: async (row) => {
      const version = async (host: string): Promise<string> =>
        (await row.answerOfGateway({ port: row.ports(0), host })).version;
      const hosts = ["anything.test", "other.example.org", `${row.slug}.example.org`];
      assert.deepEqual(await Promise.all(hosts.map(version)), ["v1", "v2", "v3"]);
    },
  },
  {
    name: "a gateway answers 404 for hosts and paths that no rule takes",
    fields: ["VirtualService.gateways"],
    manifests: (row) => [
      row.virtualService({
        hosts: [row.publicHost],
        gateways: [`${row.namespace}/edge`],
        http: [{ match: [{ uri: { prefix: "/known" } }], route: [row.to()] }],
      }),
    ],
    check: async (row) => {
      assert.equal((await row.askGateway("/known")).status, 200);
      assert.equal((await row.askGateway("/unknown")).status, 404);
      assert.equal((await row.askGateway({ path: "/known", host: "nobody.example.com" })).status, 404);
      assert.deepEqual(Object.keys(await row.split(40)).length > 1, true, "sidecars are not bound");
    },
  },
  {
    name: "without rules a service is called on its port, by any of its names",
    fields: ["VirtualService.hosts"],
    manifests: () => [],
    check: async (row) => {
      const short = row.named().name;
      for (const host of [short, `${short}.shop`, `${short}.shop.svc:${row.port}`, row.host, row.address(9)])
        assert.equal((await row.ask({ host })).status, 200, host);
    },
  },
  {
    name: "without rules, too, requests stick to an endpoint by what a DestinationRule hashes",
    fields: ["DestinationRule.trafficPolicy.loadBalancer.consistentHash.httpHeaderName"],
    manifests: (row) => [
      row.destinationRule({
        host: row.host,
        trafficPolicy: { loadBalancer: { consistentHash: { httpHeaderName: "x-user" } } },
      }),
    ],
    check: async (row) => {
      const users = Array.from({ length: 40 }, (_, index) => `user-${index}`);
      const split = await Promise.all(users.map((user) => row.split(3, { headers: { "x-user": user } })));
      assert.ok(
        split.every((versions) => Object.keys(versions).length === 1),
        JSON.stringify(split),
      );
      assert.ok(new Set(split.flatMap((versions) => Object.keys(versions))).size > 1, "not all to one");
    },
  },
  {
    name: "a destination that nobody has answers 503 and is told",
    fields: ["VirtualService.http.route.destination"],
    manifests: (row) => [row.http({ route: [{ destination: { host: `gone.${row.slug}.test` } }] })],
    check: async (row) => {
      assert.equal((await row.ask()).status, 503);
      assert.match(await row.findings(), /unknown-destination/);
    },
  },
];
