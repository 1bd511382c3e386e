import assert from "node:assert/strict";
import { test } from "node:test";
import { loadConfig } from "./config.ts";

test("the image is required; all else has a default", () => {
  assert.throws(() => loadConfig({}), /PROXY_IMAGE: the image of the proxy container/);
  const config = loadConfig({ PROXY_IMAGE: "lateen/proxy:1" });
  assert.equal(config.WEBHOOK_PORT, 15017);
  assert.equal(config.PROXY_RESOURCES.requests?.["cpu"], "100m");
});

test("resources are JSON of the two known fields", () => {
  const config = loadConfig({ PROXY_IMAGE: "p", PROXY_RESOURCES: '{"limits":{"memory":"1Gi"}}' });
  assert.deepEqual(config.PROXY_RESOURCES, { limits: { memory: "1Gi" } });
  assert.throws(() => loadConfig({ PROXY_IMAGE: "p", PROXY_RESOURCES: "lots" }), /PROXY_RESOURCES: must be JSON/);
  assert.throws(
    () => loadConfig({ PROXY_IMAGE: "p", PROXY_RESOURCES: '{"claims":{}}' }),
    /PROXY_RESOURCES: must hold requests and limits/,
  );
});
