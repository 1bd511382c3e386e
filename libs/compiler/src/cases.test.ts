import assert from "node:assert/strict";
import { test } from "node:test";
import { parseNode } from "@lateen/model";
import type { ProxyNode } from "@lateen/model";
import { binaryOf, expectGolden, listCases } from "@lateen/testkit";
import type { Case, CaseProxy } from "@lateen/testkit";
import {
  compileEndpoints,
  compileProxy,
  createSnapshot,
  defaultMeshSettings,
  endpointQueries,
  scopeOf,
} from "./index.ts";

function nodeOf({ id, metadata, ...proxy }: CaseProxy): ProxyNode {
  const parsed = parseNode(id, metadata, binaryOf(proxy));
  assert.ok(parsed.ok, parsed.ok ? "" : parsed.problem);
  return parsed.node;
}

async function compileCase(scenario: Case) {
  const proxyOfCase = await scenario.proxy();
  const snapshot = createSnapshot({
    ...(await scenario.mesh()),
    revision: 1n,
    trust: [],
    meshConfig: defaultMeshSettings(proxyOfCase.installation),
  });
  const scope = scopeOf(snapshot, nodeOf(proxyOfCase));
  const { value: proxy, findings } = compileProxy(snapshot, scope);
  const endpoints = endpointQueries(proxy).map((query) => compileEndpoints(snapshot, scope, query));
  return { ir: { proxy, endpoints }, findings: [...snapshot.findings, ...findings] };
}

for (const scenario of await listCases()) {
  test(`compiles ${scenario.name}`, async () => {
    const { ir, findings } = await compileCase(scenario);
    assert.deepEqual(JSON.parse(JSON.stringify(ir)), ir, "an IR is plain JSON, without undefined fields");
    await expectGolden(scenario.path("ir.golden.yaml"), ir);
    await expectGolden(scenario.path("findings.golden.yaml"), findings);
  });
}
