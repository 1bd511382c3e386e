import assert from "node:assert/strict";
import { test } from "node:test";
import { loadConfig } from "./config.ts";

const NATS_URL = "nats://nats:4222";

test("defaults are Istio's names and lifetimes", () => {
  const config = loadConfig({ NATS_URL });
  assert.equal(config.GRPC_PORT, 15012);
  assert.deepEqual([config.DEFAULT_WORKLOAD_CERT_TTL, config.MAX_WORKLOAD_CERT_TTL], [86_400, 7_776_000]);
  assert.deepEqual(config.SECRET_READERS, ["spiffe://cluster.local/ns/istio-system/sa/lateen-pilot"]);
  assert.ok(config.DNS_NAMES["istio-system/lateen-pilot"]?.includes("istiod.istio-system.svc"));
});

test("names follow the root namespace and can be given", () => {
  assert.ok(
    loadConfig({ NATS_URL, ROOT_NAMESPACE: "mesh" }).DNS_NAMES["mesh/lateen-injector"]?.includes(
      "lateen-injector.mesh.svc",
    ),
  );
  assert.deepEqual(loadConfig({ NATS_URL, DNS_NAMES: '{"a/b":["c"]}' }).DNS_NAMES, { "a/b": ["c"] });
});

test("what is wrong is named", () => {
  assert.throws(() => loadConfig({ NATS_URL, KEY_STORE: "directory" }), /STATE_DIR: is required/);
  assert.throws(() => loadConfig({ NATS_URL, DNS_NAMES: "x" }), /DNS_NAMES: must be JSON/);
  assert.throws(() => loadConfig({ NATS_URL, DNS_NAMES: '{"nosa":["c"]}' }), /DNS_NAMES: must map/);
  assert.throws(() => loadConfig({}), /NATS_URL/);
});
