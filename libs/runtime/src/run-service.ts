import { setTimeout as sleep } from "node:timers/promises";
import type { Registry } from "prom-client";
import { admin } from "./admin.ts";
import type { Component, Server } from "./component.ts";
import { MeshError, runtimeCodes } from "./errors.ts";
import { fields } from "./field-names.ts";
import { Health } from "./health.ts";
import { httpServer } from "./http-server.ts";
import { aborted, runTasks } from "./lifecycle.ts";
import type { Logger } from "./logger.ts";
import { onProcessEvents } from "./process-events.ts";
import { giveBackStartupGarbage } from "./startup-garbage.ts";

export interface ServiceOptions {
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: a process hosts components with whatever RPC type they have
  readonly components: readonly Component<any>[];
  readonly servers?: readonly Server[];
  readonly adminPort: number;
  readonly adminHost?: string;
  readonly registry: Registry;
  readonly logger: Logger;
  /** Given: it alone decides when to stop, and the process's signals stay untouched. */
  readonly signal?: AbortSignal;
  /** Between readiness going red and everything being told to stop, so that load balancers notice; default 0. */
  readonly drainMs?: number;
  /** How long stopping may take; default 10 s. */
  readonly shutdownMs?: number;
  /** Called last, whatever happened: close the store here. */
  readonly close?: () => Promise<void>;
  readonly onAdminListening?: (address: string) => void;
}

/**
 * Runs a service until SIGTERM, SIGINT, `signal` or the first failure, which stops all the rest. Readiness goes red
 * first, the admin port closes last. Resolves after an orderly shutdown; rejects with the first failure, or with
 * `shutdown_timeout` naming what did not stop. Never calls process.exit.
 */
export async function runService(options: ServiceOptions): Promise<void> {
  const { logger } = options;
  const health = new Health(options.components.flatMap((component) => component.checks));
  const request = new AbortController(); // asked to stop politely
  const hurry = new AbortController(); // asked twice
  const stop = new AbortController(); // told to components and servers
  const stopAdmin = new AbortController();
  let fault: Error | undefined;
  const onFault = (error: Error): void => {
    fault ??= error;
    stop.abort(error);
  };
  using _events = options.signal === undefined ? onProcessEvents({ request, hurry, onFault, logger }) : undefined;

  const work = runTasks([...options.components, ...(options.servers ?? [])], stop, logger);
  const adminWork = runTasks([adminServer(options, health)], stopAdmin, logger);
  adminWork.ended.catch(onFault); // it could not listen
  logger.info({ [fields.component]: options.components.map((component) => component.name) }, "service started");
  giveBackStartupGarbage();
  try {
    await Promise.race([
      aborted(request.signal),
      aborted(stop.signal),
      ...(options.signal ? [aborted(options.signal)] : []),
    ]);
    health.startDraining();
    logger.info({ [fields.reason]: stop.signal.aborted ? "failure" : "requested" }, "service stopping");
    if (options.drainMs) await pause(options.drainMs, AbortSignal.any([stop.signal, hurry.signal]));
    stop.abort();
    const all = work.ended.finally(() => stopAdmin.abort()).then(() => adminWork.ended);
    await bounded(all, options.shutdownMs ?? 10_000, hurry.signal, () => [...work.running(), ...adminWork.running()]);
    if (fault !== undefined) throw fault;
  } finally {
    stopAdmin.abort();
    await options.close?.();
  }
  logger.info("service stopped");
}

function adminServer(options: ServiceOptions, health: Health): Server {
  return httpServer({
    name: "admin",
    port: options.adminPort,
    logger: options.logger,
    ...(options.adminHost === undefined ? {} : { host: options.adminHost }),
    ...(options.onAdminListening === undefined ? {} : { onListening: options.onAdminListening }),
    async routes(app) {
      await app.register(admin, { service: options.name, registry: options.registry, health });
      for (const component of options.components) if (component.routes) await app.register(component.routes);
    },
  });
}

async function bounded(all: Promise<void>, ms: number, hurry: AbortSignal, running: () => string[]): Promise<void> {
  const done = new AbortController();
  const late = pause(ms, AbortSignal.any([hurry, done.signal])).then(() => "late" as const);
  try {
    if ((await Promise.race([all, late])) !== "late") return;
  } finally {
    done.abort();
  }
  const why = hurry.aborted ? "asked to stop twice" : `did not stop within ${ms} ms`;
  throw new MeshError(runtimeCodes.shutdownTimeout, `${why}, still running: ${running().join(", ") || "nothing"}`);
}

/** Sleeps, at most until the signal aborts. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
