import assert from "node:assert/strict";
import test from "node:test";
import { TlsSource, openChannel } from "@lateen/rpc";
import { createTestAuthority } from "@lateen/rpc/testing";
import { AdsClient } from "../src/testing/ads-client.ts";
import { eventually } from "../src/testing/eventually.ts";
import { startPilot } from "../src/testing/running-pilot.ts";

const id = "sidecar~10.0.0.9~web-0.shop~shop.svc.cluster.local";
const dns = (value: string) => ({ type: "dns", value }) as const;
const spiffe = (namespace: string) =>
  ({ type: "url", value: `spiffe://cluster.local/ns/${namespace}/sa/web` }) as const;

test("on the TLS port a proxy is who its certificate says, or nobody", async () => {
  const authority = await createTestAuthority("mesh");
  const stranger = await createTestAuthority("stranger");
  const tls = new TlsSource(await authority.issue([dns("istiod.istio-system.svc")]));
  await using running = await startPilot({
    tls,
    authenticateToken: async () => ({ trustDomain: "cluster.local", namespace: "shop", serviceAccount: "web" }),
  });
  await running.mesh.service({ name: "orders", pods: ["10.0.0.2"] });
  const own = await authority.issue([spiffe("shop")]);
  const foreign = await authority.issue([spiffe("bank")]);
  const forged = await stranger.issue([spiffe("shop")]);
  const connect = (identity?: typeof own, headers = {}) => {
    const channel = openChannel(running.address, {
      kind: "tls",
      roots: () => authority.rootPem,
      serverName: "istiod.istio-system.svc",
      ...(identity && { identity: () => identity }),
    });
    const client = new AdsClient(channel, { id, metadata: { INTERCEPTION_MODE: "NONE" }, headers });
    return {
      client,
      close: async () => {
        await client.close();
        channel.close();
      },
    };
  };

  for (const connection of [connect(own), connect(undefined, { authorization: "Bearer token" })]) {
    await eventually("everything arrives", () => connection.client.held["RDS"]?.has("80"));
    await connection.close();
  }
  for (const [identity, message] of [
    [foreign, /namespace of node .* is "shop", but the caller proved "bank"/],
    [forged, /needs a client certificate/],
    [undefined, /needs a client certificate/],
  ] as const) {
    const { client, close } = connect(identity);
    assert.match(String(await client.ended), message);
    assert.deepEqual(client.received, []);
    await close();
  }
});
