import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type MeshStore, createMemoryStore } from "@lateen/mesh-store";
import { createGrpcServer } from "@lateen/rpc";
import { silentLogger } from "@lateen/runtime";
import { Registry } from "prom-client";
import {
  type Citadel,
  type CitadelOptions,
  type LocalTokenIssuer,
  createCitadel,
  createLocalTokenIssuer,
  createMemoryKeyStore,
} from "../index.ts";

export interface TestCitadel {
  readonly citadel: Citadel;
  readonly store: MeshStore;
  readonly registry: Registry;
  readonly tokens: LocalTokenIssuer;
  /** `127.0.0.1:port`, TLS. */
  readonly address: string;
  readonly roots: () => string;
}

/** A running citadel on a free port, with memory for storage and local tokens, stopped at the end of the test. */
export async function startCitadel(
  context: TestContext,
  overrides: Partial<CitadelOptions> = {},
): Promise<TestCitadel> {
  const [store, registry, tokens] = [createMemoryStore(), new Registry(), createLocalTokenIssuer()];
  const trustDomain = "cluster.local";
  const citadel = createCitadel({
    store,
    registry,
    trustDomain,
    logger: silentLogger(),
    keyStore: createMemoryKeyStore(),
    authenticators: [tokens.authenticator(trustDomain)],
    ...overrides,
  });
  const server = createGrpcServer({ services: citadel.rpc });
  const { address } = await server.listen({ address: "127.0.0.1:0", tls: citadel.serving });
  const stop = new AbortController();
  const running = citadel.run(stop.signal);
  context.after(async () => {
    stop.abort();
    await server.close(100);
    await running;
  });
  await eventually("citadel is ready", () => citadel.checks.every(({ check }) => check().ready));
  return { citadel, store, registry, tokens, address, roots: () => citadel.rootsPem() ?? "" };
}

/** Polls until the condition holds; fails after a minute. */
export async function eventually(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 60_000; !(await condition()); await sleep(10)) {
    if (Date.now() > deadline) assert.fail(`not within a minute: ${what}`);
  }
}

/** A new folder, removed at the end of the test. */
export async function scratchFolder(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "lateen-citadel-"));
  context.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
