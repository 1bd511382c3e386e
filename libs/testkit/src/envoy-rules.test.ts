import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeObject } from "@lateen/api";
import { envoyVersion } from "@lateen/binaries";
import { listCases, runsOn } from "./cases.ts";

interface Resources {
  readonly resources: readonly ({ readonly "@type": string; readonly virtual_hosts?: readonly object[] } & object)[];
}

/** What a patch adds, by the file of the goldens that has such. */
const added = { cds: "CLUSTER", lds: "LISTENER", rds: "VIRTUAL_HOST" } as const;

for (const scenario of await listCases()) {
  if (!(await runsOn(scenario, envoyVersion))) continue;
  test(`an EnvoyFilter may add everything that Envoy accepts in ${scenario.name}`, async () => {
    const configPatches = [];
    for (const [file, applyTo] of Object.entries(added)) {
      const { resources } = (await scenario.readYaml(`xds/${file}.golden.yaml`)) as Resources;
      const values = resources.flatMap(({ "@type": _type, ...value }) =>
        file === "rds" ? (value.virtual_hosts ?? []) : [value],
      );
      for (const value of values) configPatches.push({ applyTo, patch: { operation: "ADD", value } });
    }
    const filter = {
      apiVersion: "networking.istio.io/v1alpha3",
      kind: "EnvoyFilter",
      metadata: { name: "all", namespace: "shop" },
      spec: { configPatches },
    };
    const origin = { kind: "EnvoyFilter", namespace: "shop", name: "all" };
    const decoded = decodeObject(filter, { origin });
    const errors = decoded.ok ? [] : decoded.violations.filter(({ severity }) => severity === "error");
    assert.deepEqual(
      errors.map(({ path, message }) => `${path}: ${message}`),
      [],
    );
  });
}
