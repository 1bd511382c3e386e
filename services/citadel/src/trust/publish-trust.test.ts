import { keys, openNatsStore } from "@lateen/mesh-store";
import { NatsServer } from "@lateen/mesh-store/testing";
import { createRegistry, silentLogger } from "@lateen/runtime";
import assert from "node:assert/strict";
import { test } from "node:test";
import { createCitadel, createMemoryKeyStore } from "../index.ts";
import { eventually } from "../testing/test-citadel.ts";

test("the roots are published again at once when NATS comes back without its data", async () => {
  await using nats = await NatsServer.start();
  const store = await openNatsStore({ servers: [nats.url] });
  const stop = new AbortController();
  const citadel = createCitadel({
    store,
    registry: createRegistry("test"),
    trustDomain: "cluster.local",
    logger: silentLogger(),
    keyStore: createMemoryKeyStore(),
    authenticators: [],
  });
  const running = citadel.run(stop.signal);
  const published = async (): Promise<string> => {
    const value = (await store.get(keys.trust("cluster.local")))?.entry.value;
    return value?.case === "trust" ? value.value.rootCertificatesPem.join("") : "";
  };
  await eventually("published", async () => (await published()) !== "");
  await nats.lose();
  await nats.restart();
  await eventually("published again", async () => (await published()) !== "");
  assert.equal(await published(), citadel.rootsPem());
  stop.abort();
  await running;
  await store.close();
});
