import assert from "node:assert/strict";
import { test } from "node:test";
import { envoyBinary, envoyVersion, oldestEnvoyVersion } from "@lateen/binaries";
import { listCases, runsOn } from "./cases.ts";
import { validateCase } from "./envoy-validate.ts";

const envoys = [
  { version: envoyVersion, binary: await envoyBinary() },
  { version: oldestEnvoyVersion, binary: await envoyBinary({ version: oldestEnvoyVersion }) },
];

for (const scenario of await listCases()) {
  for (const { version, binary } of envoys) {
    if (!(await runsOn(scenario, version))) continue;
    test(`Envoy ${version} accepts ${scenario.name}`, async () => {
      const { accepted, output } = await validateCase(scenario.folder, binary);
      assert.ok(accepted, output);
    });
  }
}
