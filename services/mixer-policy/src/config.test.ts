import assert from "node:assert/strict";
import { test } from "node:test";
import { loadConfig } from "./config.ts";

test("defaults need nothing but the store; a CA opens the TLS port", () => {
  const plain = loadConfig({ NATS_URL: "nats://nats:4222" });
  assert.deepEqual(
    [plain.grpcPort, plain.grpcTlsPort, plain.adminPort, plain.failOpen, plain.identity],
    [9091, 15004, 15014, false, undefined],
  );
  const secured = loadConfig({ NATS_URL: "nats://nats:4222", CA_ADDR: "citadel:15012", POLICY_FAIL_OPEN: "true" });
  assert.deepEqual(
    [secured.identity?.caAddress, secured.identity?.ttlSeconds, secured.failOpen],
    ["citadel:15012", 86_400, true],
  );
});

test("bad variables are named", () => {
  assert.throws(() => loadConfig({ MAX_SERIES: "0" }), /MAX_SERIES.*\n.*NATS_URL|NATS_URL.*\n.*MAX_SERIES/);
  assert.throws(() => loadConfig({ NATS_URL: "nats://a", NATS_REPLICAS: "2" }), /NATS_REPLICAS/);
});
