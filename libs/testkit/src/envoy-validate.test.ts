import assert from "node:assert/strict";
import { test } from "node:test";
import { listCases } from "./cases.ts";
import { validateCase } from "./envoy-validate.ts";

const envoy = process.env["ENVOY"];

test("the environment variable ENVOY names the Envoy to judge the goldens by", () => {
  assert.ok(envoy, "set ENVOY to the path of an Envoy binary");
});

if (envoy !== undefined) {
  for (const scenario of await listCases()) {
    test(`Envoy accepts ${scenario.name}`, async () => {
      const { accepted, output } = await validateCase(scenario.folder, envoy);
      assert.ok(accepted, output);
    });
  }
}
