import { createMemoryStore } from "@lateen/mesh-store";
import type { MeshStore } from "@lateen/mesh-store";
import { createRegistry, silentLogger } from "@lateen/runtime";
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createGalleyValidator } from "../src/index.ts";
import type { AppliedBatch, GalleyOptions, GalleyValidator, Report } from "../src/index.ts";

export interface Folder extends AsyncDisposable {
  readonly directory: string;
  path(...names: string[]): string;
}

export async function createFolder(): Promise<Folder> {
  const directory = await mkdtemp(join(tmpdir(), "galley-test-"));
  return {
    directory,
    path: (...names) => join(directory, ...names),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

export interface Running extends AsyncDisposable {
  readonly store: MeshStore;
  readonly galley: GalleyValidator;
  readonly applied: AppliedBatch[];
  readonly reports: Report[];
  /** Keys of the store below `config.`, `service.`, ... */
  keys(): Promise<string[]>;
}

/** A galley-validator over a folder, and the store it writes. Ends with the scope. */
export function start(
  directory: string,
  store: MeshStore = createMemoryStore(),
  options: Partial<GalleyOptions> = {},
): Running {
  const applied: AppliedBatch[] = [];
  const reports: Report[] = [];
  const galley = createGalleyValidator({
    store,
    logger: silentLogger(),
    registry: createRegistry("test"),
    source: { kind: "folder", directory },
    onApplied: (batch) => applied.push(batch),
    onReport: (report) => reports.push(report),
    ...options,
  });
  const stop = new AbortController();
  const run = galley.run(stop.signal);
  run.catch(() => undefined);
  return {
    store,
    galley,
    applied,
    reports,
    async keys() {
      const entries = await store.list("");
      return entries.map((entry) => entry.key).filter((key) => !key.startsWith("lease."));
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await run;
    },
  };
}

/** Waits until `check` passes; fails with its last error. */
export async function eventually(check: () => Promise<void> | void, withinMs = 60_000): Promise<void> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(5);
    }
  }
}

export async function expectKeys(running: Running, keys: readonly string[]): Promise<void> {
  await eventually(async () => assert.deepEqual(await running.keys(), [...keys].sort()));
}
