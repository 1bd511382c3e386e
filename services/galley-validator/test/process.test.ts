import { openNatsStore } from "@lateen/mesh-store";
import type { MeshStore } from "@lateen/mesh-store";
import { NatsServer } from "@lateen/mesh-store/testing";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { createFolder, eventually } from "./harness.ts";

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const skip = process.env["NATS_SERVER"] === undefined ? "set NATS_SERVER to a nats-server's path" : false;

function rules(name: string, timeout: string): string {
  const spec = `{hosts: [${name}], http: [{route: [{destination: {host: ${name}}}], timeout: ${timeout}}]}`;
  return `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: ${name}}\nspec: ${spec}\n`;
}

/** The service as a process of its own, over a folder. */
function startProcess(url: string, directory: string) {
  const env = { PATH: process.env["PATH"], SOURCE: "folder", CONFIG_DIR: directory, NATS_URL: url, LEASE_MS: "1000" };
  const child = spawn(process.execPath, [main], {
    env: { ...env, ADMIN_PORT: "0", WEBHOOK_PORT: "0", POD_NAME: "galley-0" },
    stdio: ["ignore", "ignore", "inherit"],
  });
  return {
    async end(signal: NodeJS.Signals) {
      const exit = once(child, "exit");
      child.kill(signal);
      const [code] = (await exit) as [number | null];
      return code;
    },
  };
}

async function revisions(store: MeshStore): Promise<Record<string, bigint>> {
  const entries = await store.list("config.");
  return Object.fromEntries(entries.map(({ key, revision }) => [key, revision]));
}

test("kill -9 and a restart change nothing in the store, and a change meanwhile is caught up", { skip }, async () => {
  await using nats = await NatsServer.start();
  await using folder = await createFolder();
  const store = await openNatsStore({ servers: [nats.url] });
  try {
    await writeFile(folder.path("a.yaml"), `${rules("one", "1s")}---\n${rules("two", "1s")}`);
    const first = startProcess(nats.url, folder.directory);
    await eventually(async () => assert.equal(Object.keys(await revisions(store)).length, 2));
    const before = await revisions(store);
    await first.end("SIGKILL");
    await writeFile(folder.path("b.yaml"), rules("three", "1s"));
    const second = startProcess(nats.url, folder.directory);
    await eventually(async () => assert.ok((await revisions(store))["config.virtualservice.default.three"]));
    const { "config.virtualservice.default.three": _three, ...rest } = await revisions(store);
    assert.deepEqual(rest, before);
    assert.equal(await second.end("SIGTERM"), 0);
    assert.deepEqual(Object.keys(await revisions(store)).length, 3);
  } finally {
    await store.close();
  }
});

test("changes made while NATS is down are in the store once it is back", { skip }, async () => {
  await using nats = await NatsServer.start();
  await using folder = await createFolder();
  await writeFile(folder.path("a.yaml"), rules("one", "1s"));
  const store = await openNatsStore({ servers: [nats.url] });
  const galley = startProcess(nats.url, folder.directory);
  try {
    await eventually(async () => assert.equal(Object.keys(await revisions(store)).length, 1));
    await nats.kill();
    await writeFile(folder.path("b.yaml"), rules("two", "1s"));
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await nats.restart();
    await eventually(async () => assert.equal(Object.keys(await revisions(store)).length, 2));
  } finally {
    assert.equal(await galley.end("SIGTERM"), 0);
    await store.close();
  }
});
