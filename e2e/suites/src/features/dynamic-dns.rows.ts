import assert from "node:assert/strict";
import { SampleApp, serviceEntry } from "@lateen/e2e-harness";
import { createAuthority } from "../certificates.ts";
import type { Feature, FeatureContext, SampleTls } from "./feature.ts";

const authority = await createAuthority("outside");
const certificate = await authority.issue(["a.outside.localhost", "a.beyond.localhost"]);
const resolution = "ServiceEntry.resolution";
const policy = "MeshConfig.outboundTrafficPolicy";

/** Names below `localhost` are this machine, for resolvers everywhere (RFC 6761). */
function outside(row: FeatureContext, name: string): string {
  return `${name}.${row.slug}.localhost`;
}

function lookedUp(row: FeatureContext, spec: object = {}, suffix?: string): object {
  return serviceEntry(row.named(suffix), {
    hosts: [outside(row, "*")],
    ports: [{ number: row.port, name: "http", protocol: "HTTP" }],
    resolution: "DYNAMIC_DNS",
    ...spec,
  });
}

async function server(port: number, version = "v1", tls?: SampleTls): Promise<SampleApp> {
  return await SampleApp.start({
    ...{ app: "outside", version, port, address: "127.0.0.1" },
    ...(tls === undefined ? {} : { tls }),
  });
}

async function versionAt(row: FeatureContext, host: string): Promise<string> {
  return (await row.answer({ host })).version;
}

export const dynamicDnsRows: readonly Feature[] = [
  {
    name: "a request goes to the host it names, on the port it names",
    service: false,
    fields: [resolution],
    manifests: (row) => [lookedUp(row)],
    check: async (row) => {
      await using _one = await server(row.ports(0), "one");
      await using _two = await server(row.ports(1), "two");
      assert.equal(await versionAt(row, `${outside(row, "a")}:${row.ports(0)}`), "one");
      assert.equal(await versionAt(row, `${outside(row, "b")}:${row.ports(1)}`), "two");
      assert.equal((await row.ask({ host: `else.localhost:${row.ports(0)}` })).status, 502, "no host of the entry");
      assert.equal((await row.ask({ host: `${outside(row, "a")}:${row.ports(2)}` })).status, 503, "nobody listens");
    },
  },
  {
    name: "several wildcards on one port are looked up side by side",
    service: false,
    fields: [resolution],
    manifests: (row) => [lookedUp(row), lookedUp(row, { hosts: [outside(row, "*.deep")] }, "deep")],
    check: async (row) => {
      await using _server = await server(row.ports(0), "one");
      for (const name of ["a", "a.deep", "b.deep", "b"])
        assert.equal(await versionAt(row, `${outside(row, name)}:${row.ports(0)}`), "one", name);
      const caches = [...(await row.proxy().admin.stats(/^dns_cache\..*\.dns_query_success$/)).keys()];
      for (const name of ["*", "*.deep"])
        assert.ok(caches.includes(`dns_cache.${outside(row, name)}_dfp_dns_cache.dns_query_success`), caches.join());
    },
  },
  {
    name: "a rule sends one host to a wildcard under another name",
    service: false,
    fields: [resolution, "VirtualService.http.rewrite.authority"],
    manifests: (row) => [
      lookedUp(row),
      ...row.service({ to: [] }),
      row.http({
        rewrite: { authority: `${outside(row, "renamed")}:${row.ports(0)}` },
        route: [{ destination: { host: outside(row, "*"), port: { number: row.port } } }],
      }),
    ],
    check: async (row) => {
      await using _server = await server(row.ports(0), "one");
      assert.equal(await versionAt(row, row.host), "one");
    },
  },
  {
    name: "TLS is originated to the host a request names, and its certificate has to have the name",
    service: false,
    fields: [resolution, "DestinationRule.trafficPolicy.tls.mode"],
    manifests: (row) => [
      lookedUp(row, { hosts: ["*.outside.localhost"] }),
      row.destinationRule({
        host: "*.outside.localhost",
        trafficPolicy: { tls: { mode: "SIMPLE", caCertificates: row.fileWith("root.pem", authority.rootPem) } },
      }),
    ],
    check: async (row) => {
      await using _server = await server(row.ports(0), "one", certificate);
      const { tls } = await row.answer({ host: `a.outside.localhost:${row.ports(0)}` });
      assert.equal(tls?.serverName, "a.outside.localhost");
      assert.equal((await row.ask({ host: `b.outside.localhost:${row.ports(0)}` })).status, 503);
    },
  },
  {
    name: "a TLS connection goes to the server name it asks for, on the entry's target port",
    service: false,
    fields: [resolution, "ServiceEntry.ports.targetPort"],
    manifests: (row) => [
      lookedUp(row, {
        addresses: [row.address(1)],
        ports: [{ number: row.ports(1), name: "tls", protocol: "TLS", targetPort: row.ports(0) }],
      }),
    ],
    check: async (row) => {
      await using _server = await server(row.ports(0), "one", certificate);
      const probe = { address: row.address(1), port: row.ports(1), payload: "~hello" };
      const { received } = await row.probeTls({ ...probe, serverName: outside(row, "a") });
      assert.equal(received, "outside-one:~hello");
      await assert.rejects(row.probeTls({ ...probe, serverName: "elsewhere.localhost" }), "no host of the entry");
    },
  },
  {
    name: "an egress gateway passes TLS on to the server name it asks for",
    service: false,
    fields: [resolution],
    manifests: (row) => [
      lookedUp(row, { ports: [{ number: row.ports(0), name: "tls", protocol: "TLS" }] }),
      row.gateway({
        selector: { istio: "edge" },
        servers: [
          {
            port: { number: row.ports(1), name: "tls", protocol: "TLS" },
            hosts: [outside(row, "*")],
            tls: { mode: "PASSTHROUGH" },
          },
        ],
      }),
      row.virtualService({
        hosts: [outside(row, "*")],
        gateways: [row.named().name],
        tls: [
          {
            match: [{ sniHosts: [outside(row, "*")] }],
            route: [{ destination: { host: outside(row, "*"), port: { number: row.ports(0) } } }],
          },
        ],
      }),
    ],
    check: async (row) => {
      await using _server = await server(row.ports(0), "one", certificate);
      const probe = { address: row.gatewayProxy().address, port: row.ports(1), payload: "~hello" };
      const { received } = await row.probeTls({ ...probe, serverName: outside(row, "a") });
      assert.equal(received, "outside-one:~hello");
    },
  },
  {
    name: "requests for hosts nobody knows go where DNS says",
    service: false,
    alone: true,
    fields: [`${policy}.mode`],
    meshConfig: () => ({ outboundTrafficPolicy: { mode: "ALLOW_ANY_DYNAMIC_DNS" } }),
    // Without it no listener is on the port.
    manifests: (row) => row.service({ to: [] }),
    check: async (row) => {
      await using _server = await server(row.ports(0), "one");
      await row.eventually(async () =>
        assert.equal(await versionAt(row, `${outside(row, "any")}:${row.ports(0)}`), "one"),
      );
      assert.equal((await row.ask({ host: `${outside(row, "any")}:${row.ports(1)}` })).status, 503);
      const [count] = (
        await row.proxy().admin.stats(/^cluster\.AllowAnyDynamicDNSCluster;\.upstream_rq_200$/)
      ).values();
      assert.ok((count ?? 0) > 0);
    },
  },
  {
    name: "requests for hosts nobody knows go there under TLS",
    service: false,
    alone: true,
    fields: [`${policy}.tls`],
    meshConfig: (row) => ({
      outboundTrafficPolicy: {
        mode: "ALLOW_ANY_DYNAMIC_DNS",
        tls: { mode: "SIMPLE", caCertificates: row.fileWith("root.pem", authority.rootPem) },
      },
    }),
    manifests: (row) => row.service({ to: [] }),
    check: async (row) => {
      await using _server = await server(row.ports(0), "one", certificate);
      await row.eventually(async () => {
        const { tls } = await row.answer({ host: `a.beyond.localhost:${row.ports(0)}` });
        assert.equal(tls?.serverName, "a.beyond.localhost");
      });
      assert.equal((await row.ask({ host: `b.beyond.localhost:${row.ports(0)}` })).status, 503);
    },
  },
];
