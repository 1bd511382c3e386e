import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { after, before, suite, test } from "node:test";
import {
  descendants,
  eventually,
  freePlanePorts,
  isRunning,
  portArguments,
  type RunningProcess,
  startLateen,
  TempDir,
} from "@lateen/e2e-harness";

/** `lateen demo` as a user runs it: what it shows, what an edit does, and that nothing stays behind. */
suite("the demo", () => {
  const owned = new AsyncDisposableStack();
  let directory: TempDir;
  let demo: RunningProcess;

  const start = async (): Promise<RunningProcess> => {
    const ports = portArguments(await freePlanePorts());
    const args = [
      "demo",
      "--config",
      directory.join("config"),
      "--state",
      directory.join("state"),
      "--seconds",
      "1800",
      ...ports,
    ];
    const started = owned.use(await startLateen(args, { TMPDIR: directory.path }));
    await started.waitForOutput(/4 Envoys are ready/, 180_000);
    return started;
  };

  before(async () => {
    directory = owned.use(await TempDir.create());
    demo = await start();
  });
  after(() => owned.disposeAsync());

  /** Replaces text in a file of the demo's folder, as its comments invite to. */
  const edit = async (file: string, from: string | RegExp, to: string): Promise<number> => {
    const path = directory.join("config", file);
    const text = await readFile(path, "utf8");
    const edited = text.replace(from, to);
    assert.notEqual(edited, text, `${file} holds ${String(from)}`);
    const before = demo.output.length;
    await writeFile(path, edited);
    return before;
  };
  /** The first line after `from` that matches. */
  const shown = (from: number, pattern: RegExp): Promise<RegExpExecArray> =>
    eventually(() => pattern.exec(demo.output.slice(from)) ?? undefined, {
      what: `the terminal shows ${String(pattern)}`,
      timeoutMs: 90_000,
    });
  const live = async (from: number, object: string): Promise<void> => {
    await shown(from, new RegExp(`live +.*${object}.* on all 4 proxies \\D*\\d+ ms after the save`));
  };

  test("shows the measured split against what the YAML asks", async () => {
    const [line, v1 = ""] = await shown(0, /reviews v1 ([\d.]+) % v2 [\d.]+ % \(asked v1 90\/v2 10; \d+ requests\).*/);
    assert.ok(Number(v1) > 80 && Number(v1) < 98, line);
    assert.match(line, /plaintext 200/);
  });

  test("90/10 → 50/50 goes live, with the time it took, and is measured", async () => {
    const from = await edit("routing.yaml", /weight: 90([\s\S]*)weight: 10/, "weight: 50$1weight: 50");
    await live(from, "VirtualService/shop/reviews");
    const [line, v1 = ""] = await shown(
      from,
      /reviews v1 ([\d.]+) % v2 [\d.]+ % \(asked v1 50\/v2 50; \d+ requests\).*/,
    );
    assert.ok(Number(v1) > 35 && Number(v1) < 65, line);
  });

  test("STRICT: the plaintext probe is refused", async () => {
    const from = await edit("security.yaml", "PERMISSIVE }", "STRICT }");
    await live(from, "PeerAuthentication/shop/default");
    await shown(from, /plaintext refused(×9\d %|$)/m); // a few of what had begun before may be left
  });

  test("a deny rule answers 403", async () => {
    const from = await edit(
      "security.yaml",
      '#    - to: [{ operation: { ports: ["20081", "20082"], paths: ["/admin"] } }]',
      '    - to: [{ operation: { ports: ["20081", "20082"], paths: ["/admin"] } }]',
    );
    await live(from, "AuthorizationPolicy/shop/reviews-admin");
    await shown(from, /\/admin (200×\d % )?403/);
  });

  test("a rate limit answers 429", async () => {
    const from = await edit("rate-limit.yaml", "requests: 1000", "requests: 5");
    await live(from, "RateLimit/shop/ratings");
    await shown(from, /ratings .*429×\d+ %/);
  });

  test("a mistake is told with its place, and traffic goes on", async () => {
    const from = await edit("routing.yaml", "weight: 50", "weight: fifty");
    await shown(from, /wrong routing\.yaml:\d+.*weight.*fifty/);
    const repaired = await edit("routing.yaml", "weight: fifty", "weight: 70");
    await live(repaired, "VirtualService/shop/reviews");
  });

  test("Ctrl-C ends it and everything below it", async () => {
    const below = descendants(demo.pid);
    const named = (command: string): number => below.filter((one) => one.command.startsWith(command)).length;
    assert.equal(named("envoy"), 4, JSON.stringify(below));
    assert.ok(below.length >= 12, "4 programs, 4 agents, 4 Envoys");
    demo.signal("SIGINT");
    const { code } = await demo.exited;
    assert.equal(code, 0, demo.tail());
    await eventually(() => !below.some(isRunning), { what: "no process is left" });
  });

  test("a second start keeps the edits, and even kill -9 leaves nothing behind", async () => {
    const again = await start();
    await again.waitForOutput(/reviews v1 [\d.]+ % v2 [\d.]+ % \(asked v1 70\/v2 \d+/, 90_000);
    const below = descendants(again.pid);
    await again.crash();
    await eventually(() => !below.some(isRunning), { what: "no process is left" });
  });
});
