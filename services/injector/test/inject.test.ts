import assert from "node:assert/strict";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { parse, stringify } from "yaml";
import { injectPod } from "../src/inject.ts";
import type { InjectionContext } from "../src/inject.ts";
import { diff } from "../src/json-patch.ts";
import type { PatchOperation } from "../src/json-patch.ts";
import type { Pod } from "../src/pod.ts";
import { formatRefusal } from "../src/problem.ts";
import { defaultResources } from "../src/proxy-container.ts";
import { proxyConfigsOf } from "../src/proxy-settings.ts";

const context: InjectionContext = {
  namespace: "demo",
  settings: {
    proxyImage: "lateen/proxy:test",
    imagePullPolicy: "IfNotPresent",
    caAddress: "lateen-citadel.istio-system.svc:15012",
    discoveryAddress: "istiod.istio-system.svc:15012",
    tokenAudience: "istio-ca",
    trustDomain: "cluster.local",
    clusterId: "Kubernetes",
    meshId: "cluster.local",
    network: "",
    revision: "default",
    resources: defaultResources,
    nativeSidecars: false,
    imagePullSecrets: [],
    imageTypes: [],
  },
  defaultProxyConfig: { concurrency: 2 },
};

const folder = join(import.meta.dirname, "cases");
const names = (await readdir(folder))
  .filter((file) => file.endsWith(".input.yaml"))
  .map((file) => file.replace(".input.yaml", ""));

for (const name of names) {
  test(`injects ${name}`, async () => {
    const pod = parse(await readFile(join(folder, `${name}.input.yaml`), "utf8")) as Pod;
    const result = injectPod(pod, context);
    assert.equal(result.kind, "injected");
    await expectGolden(
      join(folder, `${name}.golden.yaml`),
      stringify({ warnings: result.warnings, pod: result.pod }, { lineWidth: 0, aliasDuplicateObjects: false }),
    );
    assert.deepEqual(
      JSON.parse(JSON.stringify(applyPatch(pod, diff(pod, result.pod)))),
      JSON.parse(JSON.stringify(result.pod)),
      "the patch gives the same pod",
    );
    assert.deepEqual(injectPod(result.pod, context), { kind: "skipped", reason: "injected-already" });
  });
}

test("the ProxyConfig that selects a pod counts before its annotation, the namespace's after it", () => {
  const metadata = {
    labels: { app: "web" },
    annotations: { "proxy.istio.io/config": "concurrency: 4\nproxyMetadata: { A: annotation, B: annotation }" },
  };
  const proxyConfigs = proxyConfigsOf(
    [
      {
        namespace: "demo",
        name: "all",
        createdAtMs: 0,
        selector: {},
        settings: { proxyMetadata: { A: "all", C: "all" } },
      },
      {
        namespace: "demo",
        name: "web",
        createdAtMs: 0,
        selector: { app: "web" },
        settings: { proxyMetadata: { B: "web" } },
      },
    ],
    "istio-system",
  );
  const result = injectPod({ metadata, spec: app }, { ...context, proxyConfigs });
  assert.equal(result.kind, "injected");
  const proxy = result.pod.spec.containers.find(({ name }) => name === "istio-proxy");
  const env = Object.fromEntries((proxy?.env ?? []).map(({ name, value }) => [name, value]));
  assert.deepEqual([env["A"], env["B"], env["C"]], ["annotation", "web", "all"]);
  assert.equal((JSON.parse(env["PROXY_CONFIG"] ?? "") as { concurrency: number }).concurrency, 4);
});

const app = { containers: [{ name: "app", image: "example/app:1" }] };

const skipped = [
  { pod: { metadata: {}, spec: { ...app, hostNetwork: true } }, reason: "host-network" },
  { pod: { metadata: { labels: { "sidecar.istio.io/inject": "false" } }, spec: app }, reason: "not-wanted" },
  { pod: { metadata: { annotations: { "sidecar.istio.io/inject": "no" } }, spec: app }, reason: "not-wanted" },
  { pod: { metadata: {}, spec: app }, namespace: "kube-system", reason: "system-namespace" },
] satisfies { pod: Pod; namespace?: string; reason: string }[];

for (const { pod, namespace = "demo", reason } of skipped) {
  test(`leaves a pod alone: ${reason}`, () => {
    assert.deepEqual(injectPod(pod, { ...context, namespace }), { kind: "skipped", reason });
  });
}

test("the label wins over the annotation", () => {
  const metadata = {
    labels: { "sidecar.istio.io/inject": "true" },
    annotations: { "sidecar.istio.io/inject": "false" },
  };
  assert.equal(injectPod({ metadata, spec: app }, context).kind, "injected");
});

test("every mistake is named with its field, value and remedy", () => {
  const metadata = {
    name: "bad",
    labels: { "sidecar.istio.io/inject": "maybe" },
    annotations: {
      "sidecar.istio.io/proxyCPU": "lots",
      "sidecar.istio.io/interceptionMode": "TRANSPARENT",
      "traffic.sidecar.istio.io/excludeOutboundPorts": "80,99999",
      "traffic.sidecar.istio.io/excludeOutboundIPRanges": "10.0.0.0/33",
      "proxy.istio.io/config": "- a list",
      "inject.istio.io/templates": "waypoint",
    },
  };
  const result = injectPod({ metadata, spec: app }, context);
  assert.equal(result.kind, "refused");
  const expected = [
    'labels["sidecar.istio.io/inject"]',
    ...Object.keys(metadata.annotations).map((name) => `annotations["${name}"]`),
  ];
  assert.deepEqual(
    result.problems.map(({ field }) => field).sort(),
    expected.map((field) => `metadata.${field}`).sort(),
  );
  assert.match(
    formatRefusal("demo/bad", result.problems),
    /pod demo\/bad cannot get a sidecar: metadata\.labels\["sidecar\.istio\.io\/inject"\] is "maybe": use "true" or "false"/,
  );
  assert.match(formatRefusal("demo/bad", result.problems), /is "80,99999": "99999" is no port; give "\*" or numbers/);
});

async function expectGolden(path: string, actual: string): Promise<void> {
  if (process.env["UPDATE_GOLDEN"] === "1") return writeFile(path, actual);
  assert.equal(actual, await readFile(path, "utf8"), `${path} differs; rerun with UPDATE_GOLDEN=1 and read the diff`);
}

/** RFC 6902 as an API server does it: enough of it to judge our own patches. */
function applyPatch(document: unknown, operations: readonly PatchOperation[]): unknown {
  const result = structuredClone(document) as Record<string, unknown>;
  for (const { op, path, value } of operations) {
    const tokens = path
      .split("/")
      .slice(1)
      .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
    const last = tokens.pop() ?? "";
    // biome-ignore lint/suspicious/noExplicitAny: walks JSON of any shape
    const parent = tokens.reduce<any>((at, token) => at[token], result);
    if (Array.isArray(parent) && op === "add") parent.splice(last === "-" ? parent.length : Number(last), 0, value);
    else if (Array.isArray(parent) && op === "remove") parent.splice(Number(last), 1);
    else if (op === "remove") delete parent[last];
    else parent[last] = value;
  }
  return result;
}
