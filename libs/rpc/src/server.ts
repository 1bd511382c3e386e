import { lstat, unlink } from "node:fs/promises";
import { createServer } from "node:net";
import * as grpc from "@grpc/grpc-js";
import { enterScope } from "./call-scope.ts";
import type { ListenerScope } from "./call-scope.ts";
import type { RpcService } from "./service.ts";
import { certificateProvider } from "./tls-source.ts";
import type { TlsSource } from "./tls-source.ts";

/** As much of a logger as this package needs; a pino logger is one. */
export interface RpcLogger {
  error(fields: object, message: string): void;
}

export interface GrpcServerOptions {
  readonly services: readonly RpcService[];
  readonly logger?: RpcLogger;
  /** After this long a connection is told to go, so that peers spread over replicas and show fresh certificates. */
  readonly maxConnectionAgeMs?: number;
}

export interface ListenOptions {
  /** `0.0.0.0:15010`, `[::]:0`, `unix:/absolute/path`. */
  readonly address: string;
  /** TLS that asks for a client certificate and does not insist on one. */
  readonly tls?: TlsSource;
}

export interface GrpcServer {
  /** May be called several times: every listener answers the same services. Rejects when the address cannot be had. */
  listen(options: ListenOptions): Promise<{ address: string; port: number }>;
  /**
   * Stops listening and ends the streams with UNAVAILABLE at once, lets unary calls finish, and breaks what is
   * left after `graceMs`.
   */
  close(graceMs: number): Promise<void>;
}

grpc.setLogVerbosity(grpc.logVerbosity.NONE); // what it has to say reaches callers as errors

const keepaliveTimeMs = 30_000;
const keepaliveTimeoutMs = 10_000;
const connectionGraceMs = 10_000;
const forcedCloseMs = 500;

export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  const closing = new AbortController();
  const servers: BoundServer[] = [];
  return {
    async listen({ address, tls }) {
      const server = new grpc.Server(serverOptions(options));
      const scope = listenerScope(options, tls !== undefined, closing.signal);
      for (const service of options.services) server.addService(service.definition, inScope(service, scope));
      await removeStaleSocket(address);
      const port = await bind(
        server,
        address,
        tls === undefined ? grpc.ServerCredentials.createInsecure() : tlsCredentials(tls),
      );
      const bound = address.startsWith("unix:") ? address : address.replace(/:\d+$/, `:${port}`);
      servers.push({ server, address: bound });
      return { address: bound, port };
    },
    async close(graceMs) {
      closing.abort();
      await Promise.all(servers.splice(0).map((bound) => closeServer(bound, graceMs)));
    },
  };
}

function serverOptions(options: GrpcServerOptions): grpc.ServerOptions {
  return {
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
    "grpc.keepalive_time_ms": keepaliveTimeMs,
    "grpc.keepalive_timeout_ms": keepaliveTimeoutMs,
    "grpc.enable_channelz": 0,
    ...(options.maxConnectionAgeMs === undefined
      ? {}
      : {
          "grpc.max_connection_age_ms": options.maxConnectionAgeMs,
          "grpc.max_connection_age_grace_ms": connectionGraceMs,
        }),
  };
}

/** `createSsl` either requires a client certificate or never asks; the provider form can ask and go without. */
function tlsCredentials(source: TlsSource): grpc.ServerCredentials {
  const provider = certificateProvider(source);
  return grpc.experimental.createCertificateProviderServerCredentials(provider, provider, false);
}

function listenerScope({ logger }: GrpcServerOptions, secure: boolean, closing: AbortSignal): ListenerScope {
  return {
    secure,
    closing,
    onFault: (error, path) => logger?.error({ err: error, method: path }, "rpc handler failed"),
  };
}

function inScope(service: RpcService, scope: ListenerScope): grpc.UntypedServiceImplementation {
  const entries = Object.entries(service.implementation).map(([name, handle]) => {
    const scoped = (call: object, callback: unknown): void => {
      enterScope(call, scope);
      (handle as (call: object, callback: unknown) => void)(call, callback);
    };
    return [name, scoped as grpc.UntypedHandleCall] as const;
  });
  return Object.fromEntries(entries);
}

/** A socket file outlives the process that made it, and a bind to it then fails. Anything else there is left alone. */
async function removeStaleSocket(address: string): Promise<void> {
  if (!address.startsWith("unix:")) return;
  const path = address.slice("unix:".length);
  const stats = await lstat(path).catch(() => undefined);
  if (stats?.isSocket() === true) await unlink(path);
}

function bind(server: grpc.Server, address: string, credentials: grpc.ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => {
      if (error === null) resolve(port);
      else
        void reasonOf(address, error).then((cause) =>
          reject(new Error(`cannot listen on ${address}: ${cause.message}`, { cause })),
        );
    });
  });
}

/** grpc-js keeps the reason to itself; trying the same address once more brings it out. */
function reasonOf(address: string, fallback: Error): Promise<Error> {
  const [, host, port] = /^\[?(.*?)\]?:(\d+)$/.exec(address) ?? [];
  if (host === undefined || address.startsWith("unix:")) return Promise.resolve(fallback);
  const { promise, resolve } = Promise.withResolvers<Error>();
  const probe = createServer();
  probe.once("error", resolve);
  probe.listen({ host, port: Number(port) }, () => probe.close(() => resolve(fallback)));
  return promise;
}

interface BoundServer {
  readonly server: grpc.Server;
  readonly address: string;
}

/**
 * `drain` breaks what is left after the grace period, and must come first: `tryShutdown` alone waits for ever, and
 * after it neither `drain` nor (without channelz) `forceShutdown` finds the connections any more.
 */
async function closeServer({ server, address }: BoundServer, graceMs: number): Promise<void> {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const giveUp = setTimeout(resolve, graceMs + forcedCloseMs);
  server.drain(address, graceMs);
  server.tryShutdown(() => resolve());
  await closed;
  clearTimeout(giveUp);
  server.forceShutdown();
}
