/**
 * The process of every service: configuration, logs, metrics, tracing, health, lifecycle, admin HTTP.
 *
 * Owns: how a service starts (`runMain`, `runService`), what it shows an operator (`admin`), the vocabulary of log
 * fields (`fields`), `MeshError` and `Secret`.
 * Never: gRPC, NATS, Kubernetes or anything of the mesh; the environment is read by `loadConfig` and `runMain` only.
 * A `Component` is built without I/O and run once, so that one process can host several.
 * Next: `run-service.ts` (order of starting and stopping), then `app.ts` of any service.
 */
export type { AdminOptions } from "./admin.ts";
export { admin } from "./admin.ts";
export type { Component, Listenable, Server, Stop } from "./component.ts";
export { serverOf } from "./component.ts";
export { ConfigError, loadConfig, settings } from "./config.ts";
export type { MeshErrorOptions } from "./errors.ts";
export { MeshError, toError } from "./errors.ts";
export { fields } from "./field-names.ts";
export type { CheckResult, HealthCheck } from "./health.ts";
export { createFlag, Health } from "./health.ts";
export type { HttpServerOptions, ServingTls } from "./http-server.ts";
export { httpServer } from "./http-server.ts";
export type { Tasks } from "./lifecycle.ts";
export { aborted, runTasks } from "./lifecycle.ts";
export type { Logger, LoggerOptions } from "./logger.ts";
export { createLogger, silentLogger } from "./logger.ts";
export { createRegistry } from "./registry.ts";
export type { App, AppContext } from "./run-main.ts";
export { exitCodes, runMain } from "./run-main.ts";
export type { ServiceOptions } from "./run-service.ts";
export { giveBackStartupGarbage } from "./startup-garbage.ts";
export { runService } from "./run-service.ts";
export { Secret } from "./secret.ts";
export type { SpanAttributes, Tracing } from "./tracing.ts";
export { startTracing, traceHeaders, withRemoteTrace, withSpan } from "./tracing.ts";
export { version } from "./version.ts";
