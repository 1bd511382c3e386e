import type { Registry } from "prom-client";
import { ConfigError } from "./config.ts";
import { toError } from "./errors.ts";
import { fields } from "./field-names.ts";
import { createLogger, type Logger } from "./logger.ts";
import { createRegistry } from "./registry.ts";
import { runService, type ServiceOptions } from "./run-service.ts";
import { startTracing } from "./tracing.ts";

export interface AppContext {
  readonly logger: Logger;
  readonly registry: Registry;
}

/** What an application wires: everything of `runService` but the parts of the process. */
export type App = Omit<ServiceOptions, "name" | "logger" | "registry" | "signal">;

export const exitCodes = { ok: 0, failed: 1, badConfig: 2 } as const;

/**
 * A whole service process: config, logs, metrics, tracing, then `runService`. Returns the exit code and has logged why;
 * `main.ts` is `process.exit(await runMain("pilot", loadConfig, createApp))`.
 */
export async function runMain<Config extends { readonly logLevel?: string }>(
  name: string,
  load: () => Config,
  createApp: (config: Config, context: AppContext) => Promise<App> | App,
): Promise<number> {
  let logger = createLogger({ service: name });
  let tracing: { shutdown(): Promise<void> } | undefined;
  try {
    const config = load();
    logger = createLogger({ service: name, ...(config.logLevel === undefined ? {} : { level: config.logLevel }) });
    tracing = await startTracing(name);
    const registry = createRegistry(name);
    const app = await createApp(config, { logger, registry });
    await runService({ ...app, name, logger, registry });
    return exitCodes.ok;
  } catch (error) {
    logger.fatal({ [fields.error]: toError(error) }, "service failed");
    return error instanceof ConfigError ? exitCodes.badConfig : exitCodes.failed;
  } finally {
    await tracing?.shutdown();
  }
}
