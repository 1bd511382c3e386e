import { openNatsStore } from "@lateen/mesh-store";
import { NatsServer } from "@lateen/mesh-store/testing";
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";
import { createFolder, eventually, start } from "./harness.ts";

const service = (name: string): string => `apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec: {clusterIP: 10.0.0.1, selector: {app: ${name}}, ports: [{name: http, port: 80}]}
`;

test("NATS killed and back without its data: the store is made again and filled from the source", async () => {
  await using folder = await createFolder();
  await using nats = await NatsServer.start();
  const names = Array.from({ length: 40 }, (_, index) => `s${index}`);
  for (const name of names) await writeFile(folder.path(`${name}.yaml`), service(name));
  const store = await openNatsStore({ servers: [nats.url] });
  const running = start(folder.directory, store);
  const filled = async (count: number): Promise<void> =>
    assert.equal((await running.keys()).filter((key) => key.startsWith("service.Kubernetes.default.s")).length, count);
  await eventually(() => filled(40));
  for (const round of [1, 2]) {
    await nats.lose();
    await nats.restart();
    await eventually(() => filled(39 + round));
    await writeFile(folder.path(`later${round}.yaml`), service(`s-later${round}`));
    await eventually(() => filled(40 + round));
    await eventually(async () => assert.notEqual(await store.get("lease.galley-validator"), undefined));
  }
  await running[Symbol.asyncDispose]();
  await store.close();
});
