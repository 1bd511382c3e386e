import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { test } from "node:test";
import { Health, silentLogger } from "@lateen/runtime";
import { EnvoyAdmin } from "../src/envoy/admin.ts";
import { createAgentMetrics } from "../src/metrics.ts";
import { statusServer } from "../src/status-server.ts";
import { loopbackAddress } from "./loopback.ts";

test("both answers on readiness are what Envoy says at the time", async () => {
  const host = loopbackAddress();
  let ready = false;
  await using admin = createServer((_, response) =>
    response.writeHead(ready ? 200 : 503).end(ready ? "LIVE\n" : "INITIALIZING\n"),
  );
  await once(admin.listen(15_000, host), "listening");
  const server = statusServer({
    address: { host, port: 15_020 },
    admin: new EnvoyAdmin({ host, port: 15_000 }),
    metrics: createAgentMetrics(),
    applicationMetrics: undefined,
    compressed: false,
    health: new Health(),
    logger: silentLogger(),
    probes: {},
    applicationHost: host,
    stop: () => assert.fail("nobody asked it to stop"),
  });
  const stop = await server.start(AbortSignal.timeout(60_000));
  try {
    for (const now of [false, true, false, true]) {
      ready = now;
      for (const path of ["/readyz", "/healthz/ready"])
        assert.equal((await fetch(`http://${host}:15020${path}`)).status, now ? 200 : 503, `${path}, Envoy ${now}`);
    }
  } finally {
    await stop?.();
  }
});
