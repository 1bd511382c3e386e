import assert from "node:assert/strict";
import test from "node:test";
import { create } from "@bufbuild/protobuf";
import { AggregatedDiscoveryService } from "@lateen/protos/envoy/service/discovery/v3/ads_pb.js";
import { DiscoveryRequestSchema } from "@lateen/protos/envoy/service/discovery/v3/discovery_pb.js";
import { TlsSource, createClient, openChannel } from "@lateen/rpc";
import { createTestAuthority } from "@lateen/rpc/testing";
import { DebugAccess } from "../src/debug/access.ts";
import { connectedProxy } from "../src/testing/connected-proxy.ts";
import { startPilot } from "../src/testing/running-pilot.ts";

const identity = (namespace: string) => ({ trustDomain: "cluster.local", namespace, serviceAccount: "default" });
const namespaces: Readonly<Record<string, string>> = { system: "istio-system", monitor: "kiali", shop: "shop" };
const authenticateToken = async (token: string) => {
  const namespace = namespaces[token];
  return namespace === undefined ? undefined : identity(namespace);
};
const accessWith = (required: boolean) =>
  new DebugAccess({
    required,
    namespaces: ["istio-system", "kiali"],
    authenticateToken,
    prove: async ({ metadata }) => await authenticateToken(metadata.get("token") ?? ""),
  });

const everything = {};
const requests = [
  ["this host", "127.0.0.1", undefined, everything],
  ["this host over IPv6", "::ffff:127.0.0.1", undefined, everything],
  ["another host without a token", "10.0.0.9", undefined, undefined],
  ["another host with a token that proves nothing", "10.0.0.9", "Bearer other", undefined],
  ["the system namespace", "10.0.0.9", "Bearer system", everything],
  ["a namespace that the operator names", "10.0.0.9", "Bearer monitor", everything],
  ["any other namespace", "10.0.0.9", "Bearer shop", { namespace: "shop" }],
] as const;

for (const [who, address, authorization, expected] of requests) {
  test(`debug pages: ${who} sees ${expected === undefined ? "nothing" : JSON.stringify(expected)}`, async () => {
    assert.deepEqual(await accessWith(true).ofRequest(address, authorization), expected);
    assert.deepEqual(await accessWith(false).ofRequest(address, authorization), everything);
  });
}

test("debug types: the plaintext port shows nothing to other hosts", async () => {
  const stranger = connectedProxy({});
  assert.equal(await accessWith(true).ofStream(stranger), undefined);
  assert.deepEqual(await accessWith(true).ofStream(connectedProxy({ peerAddress: "127.0.0.1:4711" })), everything);
  assert.deepEqual(await accessWith(true).ofStream(connectedProxy({ headers: { token: "shop" } })), {
    namespace: "shop",
  });
});

test("istioctl's token on the TLS port: the node may be anything, and is no proxy", async () => {
  const authority = await createTestAuthority("mesh");
  const tls = new TlsSource(await authority.issue([{ type: "dns", value: "istiod.istio-system.svc" }]));
  await using running = await startPilot({ tls, authenticateToken });
  const channel = openChannel(running.address, {
    kind: "tls",
    roots: () => authority.rootPem,
    serverName: "istiod.istio-system.svc",
  });
  const abort = new AbortController();
  const asks = async function* () {
    yield create(DiscoveryRequestSchema, {
      typeUrl: "istio.io/debug/syncz",
      node: { id: "sidecar~~test-1.default~default.svc.cluster.local" },
    });
    await new Promise((resolve) => abort.signal.addEventListener("abort", resolve, { once: true }));
  };
  const metadata = { authorization: "Bearer system" };
  const client = createClient(AggregatedDiscoveryService, channel);
  for await (const { typeUrl, controlPlane } of client.streamAggregatedResources(asks(), {
    signal: abort.signal,
    metadata,
  })) {
    assert.equal(typeUrl, "istio.io/debug/syncz");
    assert.equal(JSON.parse(controlPlane?.identifier ?? "").ID, "pilot-0");
    assert.deepEqual(running.pilot.status().proxies, []);
    break;
  }
  abort.abort();
  channel.close();
});
