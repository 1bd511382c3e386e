import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { bootstrapOf } from "../src/envoy/bootstrap.ts";
import { envoyBinary } from "./agent-process.ts";

for (const type of ["sidecar", "router"] as const) {
  test(`Envoy accepts the bootstrap of a ${type}`, async () => {
    const folder = await mkdtemp(join(tmpdir(), "na-bootstrap-"));
    try {
      const file = join(folder, "bootstrap.json");
      const bootstrap = bootstrapOf({
        node: {
          type,
          address: "10.0.0.7",
          name: "reviews-1",
          namespace: "shop",
          dnsDomain: "shop.svc.cluster.local",
          metadata: { LABELS: { app: "reviews" }, PROXY_CONFIG: { concurrency: 2 } },
        },
        xdsSocket: join(folder, "XDS"),
        sdsSocket: join(folder, "SDS"),
        runtimeValues: { "re2.max_program_size.error_level": "32768" },
        admin: { host: "127.0.0.1", port: 15_000 },
        statusHost: "0.0.0.0",
        readinessPort: 15_021,
        prometheusPort: 15_090,
        agent: { host: "127.0.0.1", port: 15_020 },
      });
      await writeFile(file, JSON.stringify(bootstrap));
      const { stdout, stderr } = await promisify(execFile)(envoyBinary(), [
        "--mode",
        "validate",
        "-l",
        "warning",
        "-c",
        file,
      ]);
      assert.match(`${stdout}${stderr}`, /configuration .* OK/);
      assert.doesNotMatch(stderr, /deprecated/i);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}
