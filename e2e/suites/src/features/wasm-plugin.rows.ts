import assert from "node:assert/strict";
import { askOwn, ownService } from "./envoy-filter.ts";
import { digestOf, moduleOf, outOnOwnPort, serveModule, stopServing, wasmPlugin } from "./extensions.ts";
import type { Feature, FeatureContext } from "./feature.ts";

const kind = "WasmPlugin";

/** A row about a module that the proxy's agent fetches. */
function fetching(row: FeatureContext, spec: (origin: string) => object): readonly object[] {
  return [...ownService(row), wasmPlugin(row, { match: [outOnOwnPort(row)], ...spec(serveModule(row)) })];
}

async function withServer(row: FeatureContext, check: () => Promise<void>): Promise<void> {
  try {
    await check();
  } finally {
    stopServing(row);
  }
}

export const wasmPluginRows: readonly Feature[] = [
  {
    name: "the agent fetches a module, and checks it by its digest",
    fields: [`${kind}.url`, `${kind}.sha256`, `${kind}.phase`, `${kind}.priority`, `${kind}.type`],
    service: false,
    manifests: (row) =>
      fetching(row, (origin) => ({
        url: `${origin}/module.wasm`,
        sha256: digestOf(moduleOf(row)),
        phase: "AUTHN",
        priority: 5,
        type: "HTTP",
      })),
    check: (row) => withServer(row, async () => assert.equal((await askOwn(row)).headers["x-row"], row.slug)),
  },
  {
    name: "a module is fetched without a digest, with a configuration and variables",
    fields: [
      `${kind}.imagePullPolicy`,
      `${kind}.pluginConfig`,
      `${kind}.pluginName`,
      `${kind}.vmConfig.env.name`,
      `${kind}.vmConfig.env.value`,
      `${kind}.vmConfig.env.valueFrom`,
    ],
    service: false,
    manifests: (row) =>
      fetching(row, (origin) => ({
        url: `${origin}/module.wasm`,
        imagePullPolicy: "Always",
        pluginConfig: { level: 3 },
        pluginName: "marker",
        vmConfig: {
          env: [
            { name: "MODE", value: "fast" },
            { name: "HOME", valueFrom: "HOST" },
          ],
        },
      })),
    check: (row) => withServer(row, async () => assert.equal((await askOwn(row)).headers["x-row"], row.slug)),
  },
  {
    name: "a module of another digest closes the door",
    fields: [`${kind}.sha256`, `${kind}.failStrategy`],
    service: false,
    manifests: (row) => fetching(row, (origin) => ({ url: `${origin}/module.wasm`, sha256: "0".repeat(64) })),
    check: (row) => withServer(row, async () => assert.equal((await askOwn(row)).status, 403)),
  },
  {
    name: "a module that is not there lets through where it may",
    fields: [`${kind}.failStrategy`],
    service: false,
    manifests: (row) => fetching(row, (origin) => ({ url: `${origin}/missing.wasm`, failStrategy: "FAIL_OPEN" })),
    check: (row) =>
      withServer(row, async () => {
        await row.eventually(async () => (await askOwn(row)).status === 200);
        assert.equal((await askOwn(row)).headers["x-row"], undefined);
      }),
  },
];
