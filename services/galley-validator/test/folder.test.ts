import { fromConfigObject } from "@lateen/api";
import type { VirtualService } from "@lateen/api";
import { createMemoryStore } from "@lateen/mesh-store";
import type { MeshStore } from "@lateen/mesh-store";
import assert from "node:assert/strict";
import { mkdir, rename, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createFolder, eventually, expectKeys, start } from "./harness.ts";

function rules(name: string, host = "reviews", timeout = "1s"): string {
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: ${name}
spec:
  hosts: [${host}]
  http:
  - route:
    - destination:
        host: ${host}
    timeout: ${timeout}
`;
}

const broken = rules("reviews").replace("hosts: [reviews]", "hosts: [reviews");
const service = `apiVersion: v1
kind: Service
metadata: {name: reviews}
spec: {clusterIP: 10.0.0.1, selector: {app: reviews}, ports: [{name: http, port: 80}]}
`;

async function timeoutOf(store: MeshStore, name: string): Promise<number | undefined> {
  const stored = await store.get(`config.virtualservice.default.${name}`);
  if (stored?.entry.value.case !== "config") return undefined;
  const spec = fromConfigObject(stored.entry.value.value)?.spec as VirtualService | undefined;
  return Number(spec?.http[0]?.timeout?.seconds ?? -1);
}

test("a saved file is in the store before the next look at everything, and one change is one batch", async () => {
  await using folder = await createFolder();
  await writeFile(folder.path("a.yaml"), rules("reviews"));
  const { directory } = folder;
  const source = { kind: "folder", directory, rescanMs: 3_600_000 } as const;
  await using running = start(directory, createMemoryStore(), { source });
  await expectKeys(running, ["config.virtualservice.default.reviews"]);
  for (let round = 2; round < 22; round++) {
    await sleep(20);
    await writeFile(folder.path("a.yaml"), rules("reviews", "reviews", `${round}s`));
    await eventually(async () => assert.equal(await timeoutOf(running.store, "reviews"), round));
  }
  const last = running.applied.at(-1);
  assert.deepEqual(last?.changedObjects, [{ kind: "VirtualService", namespace: "default", name: "reviews" }]);
  assert.ok(last && last.atMs - last.savedAtMs < 60_000 && last.atMs >= last.savedAtMs);
  assert.equal(running.applied.length, 21);
});

test("an atomic rename replaces, a temporary file of an editor is not read", async () => {
  await using folder = await createFolder();
  await writeFile(folder.path("a.yaml"), rules("reviews"));
  await using running = start(folder.directory);
  await expectKeys(running, ["config.virtualservice.default.reviews"]);
  await writeFile(folder.path(".a.yaml.swp"), rules("temporary"));
  await writeFile(folder.path("a.yaml~"), rules("backup"));
  await writeFile(folder.path("new"), rules("reviews", "reviews", "7s"));
  await rename(folder.path("new"), folder.path("a.yaml"));
  await eventually(async () => assert.equal(await timeoutOf(running.store, "reviews"), 7));
  await expectKeys(running, ["config.virtualservice.default.reviews"]);
});

test("a broken file keeps its last good objects, says where, and is repaired by the next save", async () => {
  await using folder = await createFolder();
  await writeFile(folder.path("a.yaml"), `${rules("reviews")}---\n${rules("ratings", "ratings")}`);
  await using running = start(folder.directory);
  await expectKeys(running, ["config.virtualservice.default.ratings", "config.virtualservice.default.reviews"]);
  await writeFile(folder.path("a.yaml"), `${broken}---\n${rules("ratings", "ratings", "9s")}`);
  await eventually(async () => assert.equal(await timeoutOf(running.store, "ratings"), 9));
  assert.equal(await timeoutOf(running.store, "reviews"), 1);
  const [violation] = running.galley.violations();
  assert.equal(violation?.code, "syntax");
  assert.deepEqual([violation?.object.file, violation?.object.name], ["a.yaml", "reviews"]);
  await writeFile(
    folder.path("a.yaml"),
    `${rules("reviews", "reviews", "3s")}---\n${rules("ratings", "ratings", "9s")}`,
  );
  await eventually(async () => assert.equal(await timeoutOf(running.store, "reviews"), 3));
  assert.deepEqual(running.galley.violations(), []);
  assert.equal(running.reports.at(-1)?.cleared.length, 1);
});

test("an object that becomes invalid keeps serving its last good version until it is deleted", async () => {
  await using folder = await createFolder();
  await writeFile(folder.path("a.yaml"), rules("reviews", "reviews", "4s"));
  await using running = start(folder.directory);
  await eventually(async () => assert.equal(await timeoutOf(running.store, "reviews"), 4));
  await writeFile(folder.path("a.yaml"), rules("reviews", "reviews", "soon"));
  await eventually(() => assert.equal(running.galley.violations().length, 1));
  const [violation] = running.galley.violations();
  assert.deepEqual([violation?.path, violation?.line, violation?.column], ["spec.http[0].timeout", 11, 14]);
  assert.equal(await timeoutOf(running.store, "reviews"), 4);
  await unlink(folder.path("a.yaml"));
  await expectKeys(running, []);
  assert.deepEqual(running.galley.violations(), []);
});

test("objects and files that are deleted leave the store", async () => {
  await using folder = await createFolder();
  await mkdir(folder.path("sub", "deeper"), { recursive: true });
  await writeFile(folder.path("a.yaml"), `${rules("one")}---\n${rules("two", "two")}`);
  await writeFile(folder.path("sub", "deeper", "b.yml"), service);
  await using running = start(folder.directory);
  await expectKeys(running, [
    "config.virtualservice.default.one",
    "config.virtualservice.default.two",
    "service.Kubernetes.default.reviews",
  ]);
  await writeFile(folder.path("a.yaml"), rules("one"));
  await expectKeys(running, ["config.virtualservice.default.one", "service.Kubernetes.default.reviews"]);
  await rm(folder.path("sub"), { recursive: true });
  await expectKeys(running, ["config.virtualservice.default.one"]);
  await mkdir(folder.path("new"));
  await sleep(20);
  await writeFile(folder.path("new", "c.yaml"), service);
  await expectKeys(running, ["config.virtualservice.default.one", "service.Kubernetes.default.reviews"]);
});

test("Lists, JSON and mesh configuration are read; Kubernetes' own kinds are skipped without a word", async () => {
  await using folder = await createFolder();
  const list = {
    apiVersion: "v1",
    kind: "List",
    items: [
      {
        apiVersion: "security.istio.io/v1",
        kind: "PeerAuthentication",
        metadata: { name: "default", namespace: "istio-system" },
        spec: { mtls: { mode: "STRICT" } },
      },
    ],
  };
  await writeFile(folder.path("a.json"), JSON.stringify(list, undefined, "\t"));
  await writeFile(
    folder.path("b.yaml"),
    `apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |
    accessLogFile: /dev/stdout
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: reviews}
---
apiVersion: v1
kind: Secret
metadata: {name: reviews}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: reviews-1, labels: {kubernetes.io/service-name: reviews}}
addressType: IPv4
endpoints: [{addresses: [10.1.1.1], conditions: {ready: true}}]
ports: [{name: http, port: 9080}]
---
apiVersion: v1
kind: Pod
metadata: {name: reviews-x, labels: {app: reviews}}
spec: {containers: []}
status: {podIP: 10.1.1.1, phase: Running}
`,
  );
  await using running = start(folder.directory);
  await expectKeys(running, [
    "config.meshconfig.istio-system.istio",
    "config.peerauthentication.istio-system.default",
    "endpoint.Kubernetes.default.reviews-1",
    "workload.Kubernetes.default.reviews-x",
  ]);
  assert.deepEqual(running.galley.violations(), []);
});

test("an object of a group that nobody knows is skipped with a warning that names it; manifests of Kubernetes are not", async () => {
  await using folder = await createFolder();
  const manifests = [
    ["v1", "Namespace"],
    ["batch/v1", "CronJob"],
    ["autoscaling/v2", "HorizontalPodAutoscaler"],
    ["policy/v1", "PodDisruptionBudget"],
    ["rbac.authorization.k8s.io/v1", "Role"],
    ["networking.k8s.io/v1", "NetworkPolicy"],
    ["apiextensions.k8s.io/v1", "CustomResourceDefinition"],
  ].map(([apiVersion, kind]) => `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: x}\n`);
  const things = `apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: one, namespace: shop}\n---\napiVersion: k8s.io.example/v1\nkind: Nameless\n`;
  await writeFile(folder.path("a.yaml"), [...manifests, rules("reviews"), things].join("---\n"));
  await using running = start(folder.directory);
  await expectKeys(running, ["config.virtualservice.default.reviews"]);
  const found = running.galley.violations();
  assert.deepEqual(
    found.map(({ object, severity, code }) => [object.kind, object.namespace, object.name, severity, code]),
    [
      ["Thing", "shop", "one", "warning", "foreign-kind"],
      ["Nameless", "", "", "warning", "foreign-kind"],
    ],
  );
  assert.match(found[0]?.message ?? "", /^example.com\/v1 Thing is not configuration of the mesh, so it is skipped/);
  assert.equal(found[0]?.object.file, "a.yaml");
  assert.ok((found[0]?.line ?? 0) > 20);
});

test("of two objects with one name the first file's counts, and both are told", async () => {
  await using folder = await createFolder();
  await writeFile(folder.path("b.yaml"), rules("reviews", "reviews", "2s"));
  await using running = start(folder.directory);
  await eventually(async () => assert.equal(await timeoutOf(running.store, "reviews"), 2));
  await writeFile(folder.path("a.yaml"), rules("reviews", "reviews", "1s"));
  await eventually(async () => assert.equal(await timeoutOf(running.store, "reviews"), 1));
  const findings = running.galley.violations().map(({ object, severity, code }) => [object.file, severity, code]);
  assert.deepEqual(findings.sort(), [
    ["a.yaml", "warning", "duplicate-object"],
    ["b.yaml", "error", "duplicate-object"],
  ]);
  await unlink(folder.path("a.yaml"));
  await eventually(async () => assert.equal(await timeoutOf(running.store, "reviews"), 2));
  assert.deepEqual(running.galley.violations(), []);
});

test("a file that is emptied before it is written again loses nothing meanwhile", async () => {
  await using folder = await createFolder();
  await writeFile(folder.path("a.yaml"), rules("reviews"));
  const { directory } = folder;
  const source = { kind: "folder", directory, settleMs: 60_000 } as const; // however long the test is held up
  await using running = start(directory, createMemoryStore(), { source });
  await expectKeys(running, ["config.virtualservice.default.reviews"]);
  const seen = new Set<number>();
  const stop = new AbortController();
  const watching = (async () => {
    for await (const batch of running.store.watch(["config."], stop.signal))
      seen.add(batch.changes.filter((change) => change.type === "delete").length);
  })();
  const next = rules("reviews", "reviews", "6s");
  await writeFile(folder.path("a.yaml"), "");
  await sleep(15);
  await writeFile(folder.path("a.yaml"), next.slice(0, 60));
  await sleep(15);
  await writeFile(folder.path("a.yaml"), next);
  await eventually(async () => assert.equal(await timeoutOf(running.store, "reviews"), 6));
  stop.abort();
  await watching;
  assert.deepEqual([...seen], [0]);
  assert.deepEqual(running.reports, []);
});

test("a ConfigMap mount that swaps its link is followed", async () => {
  await using folder = await createFolder();
  await mkdir(folder.path("..v1"));
  await writeFile(folder.path("..v1", "a.yaml"), rules("reviews", "reviews", "1s"));
  await symlink("..v1", folder.path("..data"));
  await symlink("..data/a.yaml", folder.path("a.yaml"));
  await using running = start(folder.directory);
  await eventually(async () => assert.equal(await timeoutOf(running.store, "reviews"), 1));
  await mkdir(folder.path("..v2"));
  await writeFile(folder.path("..v2", "a.yaml"), rules("reviews", "reviews", "2s"));
  await symlink("..v2", folder.path("..data_tmp"));
  await rename(folder.path("..data_tmp"), folder.path("..data"));
  await rm(folder.path("..v1"), { recursive: true });
  await eventually(async () => assert.equal(await timeoutOf(running.store, "reviews"), 2));
});

test("a folder that vanishes empties nothing, and is followed again when it is back", async () => {
  await using folder = await createFolder();
  const directory = folder.path("config");
  await mkdir(directory);
  await writeFile(folder.path("config", "a.yaml"), rules("reviews"));
  await using running = start(directory, createMemoryStore(), { source: { kind: "folder", directory, rescanMs: 50 } });
  await expectKeys(running, ["config.virtualservice.default.reviews"]);
  await rename(directory, folder.path("elsewhere"));
  await eventually(() => assert.equal(running.galley.checks[0]?.check().ready, false));
  await sleep(150);
  assert.equal(await timeoutOf(running.store, "reviews"), 1);
  await mkdir(directory);
  await writeFile(folder.path("config", "a.yaml"), rules("reviews", "reviews", "8s"));
  await eventually(async () => assert.equal(await timeoutOf(running.store, "reviews"), 8));
});

test("a restart changes nothing in the store, and removes what went away meanwhile", async () => {
  await using folder = await createFolder();
  const store = createMemoryStore();
  await writeFile(folder.path("a.yaml"), `${rules("one")}---\n${rules("two", "two")}`);
  await writeFile(folder.path("b.yaml"), service);
  {
    await using running = start(folder.directory, store);
    await expectKeys(running, [
      "config.virtualservice.default.one",
      "config.virtualservice.default.two",
      "service.Kubernetes.default.reviews",
    ]);
  }
  const before = (await store.list("config.")).map(({ key, revision }) => [key, revision]);
  await writeFile(folder.path("a.yaml"), `# a new line\n\n${rules("one")}---\n${rules("two", "two")}`);
  await unlink(folder.path("b.yaml"));
  await using running = start(folder.directory, store);
  await expectKeys(running, ["config.virtualservice.default.one", "config.virtualservice.default.two"]);
  assert.deepEqual(
    (await store.list("config.")).map(({ key, revision }) => [key, revision]),
    before,
  );
  assert.deepEqual(
    running.applied.map((batch) => batch.changedObjects),
    [[{ kind: "Service", namespace: "default", name: "reviews" }]],
  );
});

test("a restart over a file that is broken or invalid keeps what the store has of it", async () => {
  await using folder = await createFolder();
  const store = createMemoryStore();
  await writeFile(folder.path("a.yaml"), rules("one"));
  await writeFile(folder.path("b.yaml"), rules("two", "two"));
  {
    await using running = start(folder.directory, store);
    await expectKeys(running, ["config.virtualservice.default.one", "config.virtualservice.default.two"]);
  }
  await writeFile(folder.path("a.yaml"), broken);
  await writeFile(folder.path("b.yaml"), rules("two", "two", "never"));
  await writeFile(folder.path("c.yaml"), rules("three", "three"));
  await using running = start(folder.directory, store);
  await expectKeys(running, [
    "config.virtualservice.default.one",
    "config.virtualservice.default.three",
    "config.virtualservice.default.two",
  ]);
  assert.equal(running.galley.violations().length, 2);
  await writeFile(folder.path("a.yaml"), rules("four", "four"));
  await expectKeys(running, [
    "config.virtualservice.default.four",
    "config.virtualservice.default.three",
    "config.virtualservice.default.two",
  ]);
});

test("only one of two replicas writes; the other takes over", async () => {
  await using folder = await createFolder();
  const store = createMemoryStore();
  await writeFile(folder.path("a.yaml"), rules("one"));
  const first = start(folder.directory, store, { instance: "first", leaseMs: 5_000 });
  await expectKeys(first, ["config.virtualservice.default.one"]);
  await using second = start(folder.directory, store, { instance: "second", leaseMs: 5_000 });
  await writeFile(folder.path("b.yaml"), rules("two", "two"));
  await expectKeys(first, ["config.virtualservice.default.one", "config.virtualservice.default.two"]);
  assert.equal(second.applied.length, 0);
  await first[Symbol.asyncDispose]();
  await writeFile(folder.path("c.yaml"), rules("three", "three"));
  await expectKeys(second, [
    "config.virtualservice.default.one",
    "config.virtualservice.default.three",
    "config.virtualservice.default.two",
  ]);
  assert.ok(second.applied.length > 0);
});

test("only namespaces that discoverySelectors select are looked at, and a change of labels or selectors takes effect", async () => {
  await using folder = await createFolder();
  const namespace = (name: string, labels: string): string =>
    `apiVersion: v1\nkind: Namespace\nmetadata: {name: ${name}, labels: {${labels}}}\n---\n`;
  const mesh = (selectors: string): string =>
    `apiVersion: mesh.istio.io/v1alpha1\nkind: MeshConfig\nmetadata: {name: istio, namespace: istio-system}\nspec: {discoverySelectors: ${selectors}}\n`;
  const inNamespace = (name: string, text: string): string => text.replace(/name: (\S+)$/m, `$&\n  namespace: ${name}`);
  await writeFile(folder.path("a.yaml"), inNamespace("a", rules("reviews")));
  await writeFile(folder.path("b.yaml"), inNamespace("b", rules("reviews")));
  await writeFile(folder.path("c.yaml"), service.replace("name: reviews", "name: reviews, namespace: c"));
  await writeFile(folder.path("namespaces.yaml"), namespace("a", "env: prod") + namespace("b", "env: test"));
  await writeFile(folder.path("mesh.yaml"), mesh("[{matchLabels: {env: prod}}]"));
  await using running = start(folder.directory);
  const meshKey = "config.meshconfig.istio-system.istio";
  const [a, b] = ["config.virtualservice.a.reviews", "config.virtualservice.b.reviews"] as const;
  const c = "service.Kubernetes.c.reviews";
  await expectKeys(running, [meshKey, a]);
  await writeFile(folder.path("namespaces.yaml"), namespace("a", "env: test") + namespace("b", "env: prod"));
  await expectKeys(running, [meshKey, b]);
  await writeFile(
    folder.path("mesh.yaml"),
    mesh(
      "[{matchExpressions: [{key: env, operator: DoesNotExist}]}, {matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [a]}]}]",
    ),
  );
  await expectKeys(running, [meshKey, a, c]);
  await writeFile(folder.path("mesh.yaml"), mesh("[{matchExpressions: [{key: env, operator: Nothing}]}]"));
  await writeFile(folder.path("d.yaml"), inNamespace("b", rules("other")));
  await sleep(100);
  await expectKeys(running, [meshKey, a, c]);
  await writeFile(folder.path("mesh.yaml"), mesh("[]"));
  await expectKeys(running, [meshKey, a, b, "config.virtualservice.b.other", c]);
});
