import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("./testing/lifecycle-service.ts", import.meta.url));

interface Line {
  readonly msg: string;
  readonly level?: string;
  readonly address?: string;
  readonly err?: { readonly message: string };
}

class Child implements AsyncDisposable {
  readonly lines: Line[] = [];
  readonly process: ChildProcess;
  readonly exited: Promise<number | null>;
  #seen = Promise.withResolvers<void>();

  constructor(behaviour: string, env: Record<string, string> = {}) {
    this.process = spawn(process.execPath, [program, behaviour], {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.exited = once(this.process, "close").then(([code]) => code as number | null);
    createInterface({ input: this.process.stdout as NodeJS.ReadableStream }).on("line", (text) => {
      this.lines.push(JSON.parse(text) as Line);
      this.#seen.resolve();
      this.#seen = Promise.withResolvers();
    });
  }

  async line(message: string): Promise<Line> {
    for (;;) {
      const found = this.lines.find((line) => line.msg === message);
      if (found) return found;
      await Promise.race([
        this.#seen.promise,
        this.exited.then((code) => assert.fail(`exited ${code} before "${message}"`)),
      ]);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill("SIGKILL");
    await this.exited;
  }
}

test("serves the admin port and stops on SIGTERM with 0", async () => {
  await using child = new Child("normal");
  const { address } = await child.line("listening");
  const [metrics, health, ready, version] = await Promise.all(
    ["/metrics", "/healthz", "/readyz", "/version"].map(async (path) => {
      const response = await fetch(`${address}${path}`);
      return { status: response.status, text: await response.text() };
    }),
  );
  assert.match(metrics?.text ?? "", /lateen_build_info\{service="lifecycle",version="dev"\} 1/);
  assert.deepEqual([health?.status, ready?.status], [200, 200]);
  assert.match(ready?.text ?? "", /"steady"/);
  assert.match(version?.text ?? "", /"service":"lifecycle"/);
  child.process.kill("SIGTERM");
  assert.equal(await child.exited, 0);
  assert.deepEqual(
    child.lines.map((line) => line.msg),
    ["service started", "listening", "signal received", "service stopping", "closed", "service stopped"],
  );
});

test("readiness is red while draining, and the process still answers", async () => {
  await using child = new Child("drain");
  const { address } = await child.line("listening");
  child.process.kill("SIGINT");
  await child.line("service stopping");
  const ready = await fetch(`${address}/readyz`);
  assert.equal(ready.status, 503);
  assert.match(await ready.text(), /draining/);
  assert.equal((await fetch(`${address}/healthz`)).status, 200);
  assert.equal(await child.exited, 0);
});

const failures = [
  { name: "a component that fails stops the rest, exit 1", behaviour: "fail", message: /broken on purpose/ },
  {
    name: "a component that ends by itself is a failure",
    behaviour: "end",
    message: /component subject ended although nothing stopped it/,
  },
  { name: "an exception nobody caught is a failure", behaviour: "throw-elsewhere", message: /nobody caught this/ },
] as const;
for (const { name, behaviour, message } of failures) {
  test(name, async () => {
    await using child = new Child(behaviour);
    assert.equal(await child.exited, 1);
    assert.match(child.lines.find((line) => line.level === "fatal")?.err?.message ?? "", message);
    assert.ok(child.lines.some((line) => line.msg === "closed"));
  });
}

test("a component that does not stop is named after the bounded shutdown", async () => {
  await using child = new Child("stuck");
  await child.line("listening");
  child.process.kill("SIGTERM");
  assert.equal(await child.exited, 1);
  assert.match(
    child.lines.find((line) => line.level === "fatal")?.err?.message ?? "",
    /did not stop within 500 ms, still running: subject/,
  );
});

test("a bad configuration names every variable, exit 2", async () => {
  await using child = new Child("normal", { ADMIN_PORT: "seventy", LOG_LEVEL: "loud" });
  assert.equal(await child.exited, 2);
  const message = child.lines.find((line) => line.level === "fatal")?.err?.message ?? "";
  assert.match(message, /ADMIN_PORT: must be a port number \(is "seventy"\)/);
  assert.match(message, /LOG_LEVEL: must be trace/);
});

test("an admin port in use is a failure that says so", async () => {
  await using first = new Child("normal");
  const { address } = await first.line("listening");
  await using second = new Child("normal", { ADMIN_PORT: new URL(address ?? "").port });
  assert.equal(await second.exited, 1);
  assert.match(second.lines.find((line) => line.level === "fatal")?.err?.message ?? "", /EADDRINUSE/);
});
