import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { envoyVersion, oldestEnvoyVersion } from "@lateen/binaries";
import { listCases, runsOn } from "./cases.ts";
import { envoyExtensions } from "./envoy-extensions.ts";

/** Messages in an Any that no extension is configured by: resources, and plain values inside a configuration. */
const plain =
  /^(envoy\.config\.(cluster|listener|route|endpoint)\.v3\.\w+|google\.protobuf\.\w+|envoy\.config\.core\.v3\.TypedExtensionConfig)$/;

for (const version of [oldestEnvoyVersion, envoyVersion]) {
  const contained = new Set(Object.values(await envoyExtensions(version)).flat());

  for (const scenario of await listCases()) {
    if (!(await runsOn(scenario, version))) continue;
    test(`every extension in ${scenario.name} is in Envoy ${version}`, async () => {
      const goldens = await Promise.all(
        ["cds", "eds", "lds", "rds", "ecds"].map((type) =>
          readFile(join(scenario.folder, "xds", `${type}.golden.yaml`), "utf8").catch(() => ""),
        ),
      );
      const types = [...goldens.join("\n").matchAll(/"@type": "?type\.googleapis\.com\/([\w.]+)/g)].map(
        ([, type]) => type,
      );
      const missing = [...new Set(types)].filter((type = "") => !plain.test(type) && !contained.has(type));
      assert.deepEqual(missing, []);
    });
  }
}
