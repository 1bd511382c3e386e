import { create } from "@bufbuild/protobuf";
import { keys } from "@lateen/mesh-store";
import { EntrySchema } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";
import { createFolder, eventually, start } from "./harness.ts";

test("what a WorkloadEntry's workload reports of its health counts more than its status, while it is reported", async () => {
  await using folder = await createFolder();
  const entry = (checked: boolean): string =>
    `apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: vm, annotations: {proxy.istio.io/health-checks-enabled: "${checked}"}}\nspec: {address: 10.0.0.1}\n`;
  await writeFile(folder.path("a.yaml"), entry(true));
  await using running = start(folder.directory);
  const { store } = running;
  const healthy = async (): Promise<boolean | undefined> => {
    const { value } = (await store.get(keys.config("WorkloadEntry", "default", "vm")))?.entry ?? {};
    return value?.case === "config" ? value.value.state?.healthy : undefined;
  };
  await eventually(async () => assert.equal(await healthy(), false));
  const fact = { namespace: "default", name: "vm", connectedAtMs: BigInt(Date.now()), replica: "a" };
  const report = (well: boolean) =>
    store.put(
      keys.registration("default", "vm"),
      create(EntrySchema, { value: { case: "registration", value: { ...fact, healthy: well } } }),
    );
  await report(true);
  await eventually(async () => assert.equal(await healthy(), true));
  await report(false);
  await eventually(async () => assert.equal(await healthy(), false));
  await report(true);
  await writeFile(folder.path("a.yaml"), entry(false));
  await eventually(async () => assert.equal(await healthy(), undefined));
  await writeFile(folder.path("a.yaml"), entry(true));
  await eventually(async () => assert.equal(await healthy(), true));
  await store.delete(keys.registration("default", "vm"));
  await eventually(async () => assert.equal(await healthy(), false));
});
