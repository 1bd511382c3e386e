import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { Reflector } from "./reflector.ts";
import type { ReflectorOptions } from "./reflector.ts";
import { FakeApiServer } from "./testing/index.ts";
import { Recorder, eventually } from "./testing/recorder.ts";

const type = { apiVersion: "v1", plural: "things" };
const fast = { firstMs: 5, maxMs: 20 };

async function setUp(t: TestContext, options: Partial<ReflectorOptions> = {}, fill?: (server: FakeApiServer) => void) {
  const server = await new FakeApiServer().start();
  fill?.(server);
  const recorder = new Recorder();
  const client = server.client();
  const reflector = new Reflector(client, { type, handler: recorder, backoff: fast, ...options });
  const abort = new AbortController();
  const run = reflector.run(abort.signal);
  run.catch(() => {}); // judged by the test that expects it
  t.after(async () => {
    abort.abort();
    await run.catch(() => {});
    client.close();
    await server.stop();
  });
  return { server, recorder, reflector, abort, run };
}

function putAll(server: FakeApiServer, ...names: readonly string[]): void {
  for (const name of names) server.put(name);
}

test("lists in pages and hands over one complete state", async (t) => {
  const { server, recorder, reflector } = await setUp(t, { pageSize: 2 }, (s) => putAll(s, "a", "b", "c", "d", "e"));
  await eventually("synced", () => reflector.synced);
  assert.deepEqual(recorder.log, ["reset a,b,c,d,e"]);
  assert.deepEqual(server.lists, ["", "6/2", "6/4"]);
});

test("applies and deletes in order, trimmed", async (t) => {
  const trim: ReflectorOptions["trim"] = ({ metadata }) => ({ metadata });
  const { server, recorder } = await setUp(t, { trim });
  await eventually("watching", () => server.openWatches === 1);
  server.put("a", { spec: { big: "value" } });
  server.put("a");
  server.put("b");
  server.delete("a");
  await eventually("four changes", () => recorder.log.length === 5);
  assert.deepEqual(recorder.log, ["reset ", "apply a", "apply a", "apply b", "delete a"]);
  assert.equal(recorder.state.get("b")?.["spec"], undefined);
});

for (const how of ["close", "cut"] as const) {
  test(`resumes from the last resourceVersion after a watch ends (${how}), missing nothing`, async (t) => {
    const { server, recorder } = await setUp(t);
    await eventually("watching", () => server.openWatches === 1);
    server.put("a");
    await eventually("a", () => recorder.log.includes("apply a"));
    server.endWatches(how);
    server.put("b"); // while nobody watches
    await eventually("b", () => recorder.log.includes("apply b"));
    assert.deepEqual(server.watchesFrom, ["1", "2"]);
    assert.deepEqual(recorder.log, ["reset ", "apply a", "apply b"]);
  });
}

test("a bookmark moves the version to resume from, so a compaction of old history costs no list", async (t) => {
  const { server, recorder } = await setUp(t);
  await eventually("watching", () => server.openWatches === 1);
  server.bookmark();
  server.compact();
  server.put("a");
  await eventually("a", () => recorder.log.includes("apply a"));
  server.endWatches("cut");
  await eventually("watching again", () => server.openWatches === 1);
  assert.deepEqual(server.watchesFrom, ["1", "3"]);
  assert.equal(server.lists.length, 1);
});

test("a 410 on watch lists again and resets, so deletions that were missed are noticed", async (t) => {
  const { server, recorder } = await setUp(t, {}, (s) => putAll(s, "a", "b"));
  await eventually("watching", () => server.openWatches === 1);
  server.endWatches("cut");
  server.delete("a");
  server.put("c");
  server.compact();
  await eventually("second reset", () => recorder.log.length >= 2);
  assert.deepEqual(recorder.log, ["reset a,b", "reset b,c"]);
});

test("a page that expired while paging is followed by one whole list", async (t) => {
  let pages = 0;
  const { server, recorder, reflector } = await setUp(t, { pageSize: 1 }, (s) => {
    s.put("a");
    s.put("b");
    s.intercept = () => {
      pages += 1;
      if (pages === 2) {
        s.put("c");
        s.compact();
      }
      return false;
    };
  });
  await eventually("synced", () => reflector.synced);
  assert.deepEqual(recorder.log, ["reset a,b,c"]);
  assert.equal(server.requests[2]?.query.has("limit"), false);
});

test("errors of the server do not end it; it says what is wrong meanwhile", async (t) => {
  const { server, reflector, recorder } = await setUp(t, {}, (s) => {
    s.intercept = (_request, response) => {
      response.writeHead(503).end("overloaded");
      return true;
    };
  });
  await eventually("several attempts", () => server.requests.length > 3);
  assert.match(reflector.problem ?? "", /list things \(v1\): overloaded/);
  assert.equal(reflector.synced, false);
  server.intercept = undefined;
  server.put("a");
  await eventually("a", () => recorder.state.has("a"));
  assert.equal(reflector.problem, undefined);
});

test("a watch that the server has accepted counts as well, before anything happens on it", async (t) => {
  let refuse = false;
  const { server, reflector } = await setUp(t, {}, (s) => {
    s.put("a");
    s.intercept = ({ query }, response) => {
      if (!refuse || !query.has("watch")) return false;
      response.writeHead(503).end("storage is (re)initializing");
      return true;
    };
  });
  await eventually("a watch", () => server.openWatches === 1);
  refuse = true;
  server.endWatches("close");
  await eventually("a problem", () => reflector.problem !== undefined);
  refuse = false;
  await eventually("well again on a quiet watch", () => server.openWatches === 1 && reflector.problem === undefined);
});

test("a kind without a CRD is an empty set where that is allowed, and is followed once it exists", async (t) => {
  const missing: Partial<ReflectorOptions> = { missingKind: "empty", missingKindRecheckMs: 10 };
  const { server, reflector, recorder } = await setUp(t, missing, (s) => {
    s.intercept = (_request, response) => {
      response.writeHead(404).end("404 page not found");
      return true;
    };
  });
  await eventually("synced", () => reflector.synced);
  assert.deepEqual(recorder.log, ["reset "]);
  server.put("a");
  server.intercept = undefined;
  await eventually("a", () => recorder.state.has("a"));
  assert.equal(recorder.log.at(-1), "reset a");
});

test("waits longer and longer between failures", async (t) => {
  const at: number[] = [];
  await setUp(t, { backoff: { firstMs: 20, maxMs: 10_000 } }, (s) => {
    s.intercept = (_request, response) => {
      at.push(performance.now());
      response.destroy();
      return true;
    };
  });
  await eventually("five attempts", () => at.length >= 5);
  const gaps = at.slice(1, 5).map((time, index) => time - (at[index] ?? 0));
  assert.ok((gaps[3] ?? 0) > 79, `fourth pause is at least half of 160 ms: ${gaps.join(" ")}`);
});

test("a handler that throws is a fault and ends it", async (t) => {
  const fault = new Error("handler is broken");
  const handler = {
    reset: () => {
      throw fault;
    },
    apply: () => {},
    delete: () => {},
  };
  const { run } = await setUp(t, { handler });
  await assert.rejects(run, fault);
});

test("ends at once when aborted, even in the middle of a watch", async (t) => {
  const { server, abort, run } = await setUp(t);
  await eventually("watching", () => server.openWatches === 1);
  const started = performance.now();
  abort.abort();
  await run;
  assert.ok(performance.now() - started < 60_000);
});
