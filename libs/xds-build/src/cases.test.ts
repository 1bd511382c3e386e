import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import type * as ir from "@lateen/ir";
import { expectGolden, expectNoOrphans, listCases, toEnvoyJson } from "@lateen/testkit";
import { buildEndpoints, buildProxy, typeUrls, verifyReferences } from "./index.ts";

interface Golden {
  readonly proxy: ir.ProxyIr;
  readonly endpoints: readonly ir.EndpointSet[];
}

const files = { cds: typeUrls.cluster, eds: typeUrls.endpoints, lds: typeUrls.listener, rds: typeUrls.routes } as const;
/** Only where the proxy has any. */
const optionalFiles = {
  ecds: typeUrls.extension,
  nds: typeUrls.nameTable,
  trust: typeUrls.trustAnchors,
  pcds: typeUrls.proxyConfig,
} as const;

for (const scenario of await listCases()) {
  test(`builds ${scenario.name}`, async () => {
    const golden = (await scenario.readYaml("ir.golden.yaml")) as Golden;
    assert.deepEqual(verifyReferences(golden.proxy), []);
    const built = buildProxy(golden.proxy);
    assert.deepEqual(buildProxy(structuredClone(golden.proxy)), built);
    const resources = [...built.resources, ...golden.endpoints.map(buildEndpoints)];
    const present = new Set(resources.map((resource) => resource.typeUrl));
    const optional = Object.entries(optionalFiles).filter(([, typeUrl]) => present.has(typeUrl));
    const expected = Object.fromEntries([...Object.entries(files), ...optional]);
    for (const [file, typeUrl] of Object.entries(expected)) {
      const own = resources.filter((resource) => resource.typeUrl === typeUrl);
      await expectGolden(scenario.path(join("xds", `${file}.golden.yaml`)), { resources: own.map(toEnvoyJson) });
    }
    if (built.findings.length > 0) await expectGolden(scenario.path("xds/findings.golden.yaml"), built.findings);
    const written = [...Object.keys(expected), ...(built.findings.length > 0 ? ["findings"] : [])];
    await expectNoOrphans(
      scenario.path("xds"),
      written.map((file) => `${file}.golden.yaml`),
    );
  });
}
