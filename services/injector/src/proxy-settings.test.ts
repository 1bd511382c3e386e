import assert from "node:assert/strict";
import { test } from "node:test";
import { readProxyConfig } from "./proxy-config-watch.ts";
import { mergeProxySettings, proxyConfigsOf } from "./proxy-settings.ts";
import type { ProxyConfigObject } from "./proxy-settings.ts";

function config(name: string, more: Partial<ProxyConfigObject> = {}): ProxyConfigObject {
  return { namespace: "shop", name, createdAtMs: 0, selector: {}, settings: { proxyMetadata: { BY: name } }, ...more };
}

const web = { app: "web" };

test("a pod is under the root namespace's, its namespace's and the one that selects it", () => {
  const configs = proxyConfigsOf(
    [
      config("own"),
      config("root", { namespace: "istio-system" }),
      config("chosen", { selector: web }),
      config("elsewhere", { namespace: "stars" }),
    ],
    "istio-system",
  );
  const { general, selected } = configs.of("shop", web);
  assert.deepEqual(
    [...general, ...selected].map(({ proxyMetadata }) => proxyMetadata),
    [{ BY: "root" }, { BY: "own" }, { BY: "chosen" }],
  );
  assert.deepEqual(configs.of("shop", {}).selected, []);
});

test("of several for the same pods the oldest counts", () => {
  const configs = proxyConfigsOf([config("b", { createdAtMs: 2 }), config("a", { createdAtMs: 1 })], "istio-system");
  assert.deepEqual(configs.of("shop", {}).general, [{ proxyMetadata: { BY: "a" } }]);
});

test("later settings win, variables one by one", () => {
  assert.deepEqual(
    mergeProxySettings([
      { concurrency: 1, proxyMetadata: { A: "1", B: "1" } },
      { concurrency: 0, proxyMetadata: { B: "2" } },
    ]),
    { concurrency: 0, proxyMetadata: { A: "1", B: "2" } },
  );
});

test("an object becomes settings, or a reason", () => {
  const object = (spec: object) => ({
    apiVersion: "networking.istio.io/v1beta1",
    kind: "ProxyConfig",
    metadata: { namespace: "shop", name: "a", creationTimestamp: "2026-01-01T00:00:00Z" },
    spec,
  });
  const read = readProxyConfig(
    object({
      ...{ selector: { matchLabels: web }, concurrency: 3, environmentVariables: { A: "1" } },
      image: { imageType: "debug" },
    }),
  );
  assert.deepEqual(read, {
    namespace: "shop",
    name: "a",
    createdAtMs: Date.UTC(2026, 0, 1),
    selector: web,
    settings: { concurrency: 3, proxyMetadata: { A: "1" }, image: { imageType: "debug" } },
  });
  assert.match(String(readProxyConfig(object({ concurrency: "three" }))), /concurrency has to be a whole number/);
});
