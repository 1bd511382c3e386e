import assert from "node:assert/strict";
import { test } from "node:test";
import { httpServer, serverOf, silentLogger } from "./index.ts";

test("routes, hides faults, and closes when told", async () => {
  let address = "";
  const server = httpServer({
    name: "debug",
    host: "127.0.0.1",
    port: 0,
    logger: silentLogger(),
    onListening: (where) => {
      address = where;
    },
    routes(app) {
      app.get("/ok", async () => ({ ok: true }));
      app.get("/bad", async () => {
        throw new Error("inner detail");
      });
    },
  });
  const stop = await server.start(new AbortController().signal);
  assert.deepEqual(await (await fetch(`${address}/ok`)).json(), { ok: true });
  assert.equal((await fetch(`${address}//ok`)).status, 200, "as istioctl writes paths");
  const bad = await fetch(`${address}/bad`);
  assert.equal(bad.status, 500);
  assert.doesNotMatch(await bad.text(), /inner detail/);
  await stop?.();
  await assert.rejects(fetch(`${address}/ok`));
});

test("serverOf listens on each address and closes once", async () => {
  const calls: string[] = [];
  const listenable = {
    listen: async (where: string) => calls.push(where),
    close: async (ms: number) => {
      calls.push(`close ${ms}`);
    },
  };
  const stop = await serverOf("grpc", listenable, "a", "b").start(new AbortController().signal);
  await stop?.();
  assert.deepEqual(calls, ["a", "b", "close 3000"]);
});
