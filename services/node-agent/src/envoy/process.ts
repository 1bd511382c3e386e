import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Component, Logger } from "@lateen/runtime";
import type { FlushConfig } from "../proxy-config.ts";
import type { EnvoyAdmin } from "./admin.ts";
import { adoptEnvoy, type RunningEnvoy, startEnvoy } from "./running.ts";
import { noPatches, patchedArguments } from "./start-patches.ts";
import type { BootstrapPatches, StartPatches } from "./start-patches.ts";

export interface EnvoyOptions {
  /** Path or name of the binary. */
  readonly binary: string;
  readonly bootstrap: object;
  /** Where the bootstrap is written, as `bootstrapFile`. */
  readonly directory: string;
  /** A bootstrap of someone else's, in the place of this one. */
  readonly ownFile?: string;
  readonly flush: FlushConfig;
  /** What goes over the bootstrap at each start; without it nothing does. */
  readonly patches?: Pick<StartPatches, "next" | "ended"> | undefined;
  /** Worker threads; 0: one a core. */
  readonly concurrency: number;
  readonly logLevel: string;
  readonly componentLogLevel?: string;
  /** How long connections may end by themselves once the agent is told to stop. */
  readonly drainMs: number;
  /** The same for the connections of a listener that changes. */
  readonly listenerDrainMs: number;
  readonly admin: EnvoyAdmin;
  readonly logger: Logger;
  readonly onStarted?: (starts: number) => void;
}

/** In its directory. */
export const bootstrapFile = "envoy-bootstrap.json";

/** Attempts in a row that may end before Envoy was ready; then the agent gives up, for someone to look. */
const attemptsUntilReady = 10;
const firstBackoffMs = 100;
const maxBackoffMs = 5_000;
/** An Envoy that ends sooner, and not ready, has most likely been started wrong. */
const soonMs = 10_000;
const pollMs = 100;

/**
 * Runs Envoy until the signal aborts: starts it again when it dies, drains it at the end. Rejects when it cannot be
 * started, or dies again and again before it was ready once. Leaves no process behind.
 */
export function createEnvoy(options: EnvoyOptions): Component {
  return { name: "envoy", checks: [], run: (signal) => keepRunning(options, signal) };
}

async function keepRunning(options: EnvoyOptions, signal: AbortSignal): Promise<void> {
  const { logger } = options;
  await mkdir(options.directory, { recursive: true, mode: 0o700 });
  const file = options.ownFile ?? join(options.directory, bootstrapFile);
  const pidFile = join(options.directory, "envoy.pid");
  if (options.ownFile === undefined) await writeFile(file, JSON.stringify(options.bootstrap), { mode: 0o600 });
  let envoy = await adoptEnvoy(pidFile, file);
  if (envoy !== undefined) logger.info({ pid: envoy.pid }, "adopted a running envoy");
  let failures = 0;
  for (let starts = 1; !signal.aborted; starts += 1) {
    const adopted = envoy !== undefined;
    envoy ??= await startPatched(options, { file, pidFile, signal });
    if (envoy === undefined) return;
    options.onStarted?.(starts);
    const startedAt = performance.now();
    const wasReady = await supervise(envoy, options, signal);
    const reason = await envoy.exited;
    const soon = !wasReady && performance.now() - startedAt < soonMs;
    if (!adopted && !signal.aborted) await options.patches?.ended({ soon, reason });
    envoy = undefined;
    if (signal.aborted) return;
    failures = wasReady ? 1 : failures + 1;
    if (failures >= attemptsUntilReady)
      throw new Error(`envoy ended ${failures} times before it was ready, last with ${reason}; its log says why`);
    const backoffMs = Math.min(maxBackoffMs, firstBackoffMs * 2 ** (failures - 1));
    logger.error({ reason, backoff_ms: backoffMs }, "envoy ended, starting it again");
    await sleep(backoffMs, undefined, { signal }).catch(() => undefined);
  }
}

/** Undefined when the agent is told to stop while it still asks what to start with. */
async function startPatched(
  options: EnvoyOptions,
  { file, pidFile, signal }: { readonly file: string; readonly pidFile: string; readonly signal: AbortSignal },
): Promise<RunningEnvoy | undefined> {
  const patches = (await options.patches?.next(signal)) ?? noPatches;
  if (signal.aborted) return undefined;
  if (patches.names.length > 0) options.logger.info({ origin: patches.names }, "the bootstrap is patched");
  return await startEnvoy(options.binary, argumentsOf(options, file, patches), pidFile);
}

/** Resolves when the process is gone: true if it had been ready. */
async function supervise(envoy: RunningEnvoy, options: EnvoyOptions, signal: AbortSignal): Promise<boolean> {
  const ended = new AbortController();
  const exited = envoy.exited.then(() => ended.abort());
  const wasReady = becomesReady(options.admin, ended.signal);
  const stopped = once(signal, "abort", { signal: ended.signal }).then(
    () => stop(envoy, options, ended.signal),
    () => undefined, // it ended first
  );
  if (signal.aborted) await stop(envoy, options, ended.signal);
  await exited;
  await stopped;
  return wasReady;
}

/** True as soon as it is ready, false when it ended before. */
async function becomesReady(admin: EnvoyAdmin, ended: AbortSignal): Promise<boolean> {
  while (!ended.aborted) {
    if ((await admin.readiness()).ready) return true;
    await sleep(pollMs, undefined, { signal: ended }).catch(() => undefined);
  }
  return false;
}

/** Drain, then SIGTERM, then SIGKILL. */
async function stop(envoy: RunningEnvoy, options: EnvoyOptions, ended: AbortSignal): Promise<void> {
  options.logger.info({ drain_ms: options.drainMs }, "draining envoy");
  await options.admin.drain();
  await sleep(options.drainMs, undefined, { signal: ended }).catch(() => undefined);
  envoy.kill("SIGTERM");
  await sleep(3_000, undefined, { signal: ended }).catch(() => undefined);
  if (!ended.aborted) envoy.kill("SIGKILL");
}

function argumentsOf(options: EnvoyOptions, file: string, { value }: BootstrapPatches): string[] {
  return [
    ...[...patchedArguments(file, value), "--disable-hot-restart", "--drain-strategy", "immediate"],
    ...["--drain-time-s", String(Math.ceil(options.listenerDrainMs / 1000) || 1)],
    ...["-l", options.logLevel, "--file-flush-interval-msec", String(Math.round(options.flush.intervalMs))],
    ...(options.flush.minSizeKb === undefined ? [] : ["--file-flush-min-size-kb", String(options.flush.minSizeKb)]),
    // Without the flag one a core; Envoy would take 0 for 1.
    ...(options.concurrency === 0 ? [] : ["--concurrency", String(options.concurrency)]),
    ...(options.componentLogLevel === undefined ? [] : ["--component-log-level", options.componentLogLevel]),
  ];
}
