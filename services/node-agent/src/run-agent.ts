import { setTimeout as sleep } from "node:timers/promises";
import {
  aborted,
  ConfigError,
  createLogger,
  exitCodes,
  fields,
  giveBackStartupGarbage,
  type Logger,
  MeshError,
  runTasks,
  toError,
} from "@lateen/runtime";
import { type Agent, createAgent } from "./app.ts";
import { loadConfig } from "./config.ts";

/**
 * The whole process, as `runMain` of the runtime runs a service, without its HTTP framework: the agent's memory is paid
 * for once a workload. Resolves with the exit code and has logged why; stops at SIGTERM, SIGINT or the first failure.
 */
export async function runAgent(): Promise<number> {
  const service = "node-agent";
  let logger = createLogger({ service });
  try {
    const config = loadConfig();
    logger = createLogger({ service, level: config.logLevel });
    await runUntilStopped(await createAgent(config, logger), logger);
    return exitCodes.ok;
  } catch (error) {
    logger.fatal({ [fields.error]: toError(error) }, "service failed");
    return error instanceof ConfigError ? exitCodes.badConfig : exitCodes.failed;
  }
}

/** The status server comes first and goes last: readiness is red while Envoy drains. */
async function runUntilStopped(
  { components, sockets, status, health, shutdownMs }: Agent,
  logger: Logger,
): Promise<void> {
  const stop = new AbortController();
  const hurry = new AbortController(); // asked twice
  const stopStatus = new AbortController();
  let fault: Error | undefined;
  const onFault = (thrown: unknown): void => {
    fault ??= toError(thrown);
    stop.abort(fault);
  };
  const onSignal = (name: NodeJS.Signals): void => {
    logger.info({ [fields.reason]: name }, "signal received");
    (stop.signal.aborted ? hurry : stop).abort();
  };
  process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
  process.on("uncaughtException", onFault).on("unhandledRejection", onFault);
  const statusWork = runTasks([status], stopStatus, logger);
  statusWork.ended.catch(onFault); // it could not listen
  const work = runTasks([...components, ...sockets], stop, logger);
  work.ended.catch(onFault);
  logger.info({ [fields.component]: components.map((component) => component.name) }, "service started");
  giveBackStartupGarbage();
  await aborted(stop.signal);
  health.startDraining();
  logger.info({ [fields.reason]: fault === undefined ? "requested" : "failure" }, "service stopping");
  const all = work.ended.finally(() => stopStatus.abort()).then(() => statusWork.ended);
  const late = sleep(shutdownMs, "late" as const, { ref: false, signal: hurry.signal }).catch(() => "late" as const);
  if ((await Promise.race([all.catch(onFault), late])) === "late")
    fault ??= new MeshError(
      "shutdown_timeout",
      `still running: ${[...work.running(), ...statusWork.running()].join(", ")}`,
    );
  if (fault !== undefined) throw fault;
  logger.info("service stopped");
}
