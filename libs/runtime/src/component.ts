import type { FastifyInstance } from "fastify";
import type { HealthCheck } from "./health.ts";

/**
 * A part of the control plane: built without I/O, run once. `Rpc` is the type of its gRPC services (`RpcService` of
 * `@lateen/rpc`), which this package does not need to know.
 */
export interface Component<Rpc = unknown> {
  readonly name: string;
  readonly checks: readonly HealthCheck[];
  /** gRPC services to be put on the servers that the application opens. */
  readonly rpc?: readonly Rpc[];
  /** HTTP routes for the admin port: debug pages. */
  readonly routes?: (app: FastifyInstance) => Promise<void>;
  /** Resolves when `signal` has aborted and all is closed. Rejects on a fault; to end earlier is a fault too. */
  run(signal: AbortSignal): Promise<void>;
}

/** Ends what a server opened: accepts no more, lets calls finish for a bounded time. */
export type Stop = () => Promise<void>;

/** Something that accepts connections. */
export interface Server {
  readonly name: string;
  /** Resolves once it listens. The returned function closes it; a server that returns none closes when `signal` aborts. */
  start(signal: AbortSignal): Promise<Stop | undefined>;
}

/** What `createGrpcServer` of `@lateen/rpc` gives: kept structural, so that runtime does not import gRPC. */
export interface Listenable<Where> {
  listen(where: Where): Promise<unknown>;
  close(graceMs: number): Promise<void>;
}

/** A gRPC server on one or more addresses, as a Server of `runService`. */
export function serverOf<Where>(name: string, listenable: Listenable<Where>, ...where: readonly Where[]): Server {
  return {
    name,
    async start() {
      for (const one of where) await listenable.listen(one);
      return () => listenable.close(graceMs);
    },
  };
}

/** How long calls may take to finish once a server stops accepting. Less than the whole shutdown, so that it can end in order. */
const graceMs = 3_000;
