import {
  type Authenticator,
  connect,
  credsAuthenticator,
  headers,
  type MsgHdrs,
  type NatsConnection,
  nkeyAuthenticator,
  type NodeConnectionOptions,
  usernamePasswordAuthenticator,
} from "nats";
import { setTimeout as sleep } from "node:timers/promises";
import { MeshStoreError } from "../errors.ts";

/** Who this process is to NATS. */
export type NatsCredentials =
  | { readonly kind: "nkey" /** The seed, SU...; read anew for each connection. */; readonly seed: () => string }
  | { readonly kind: "creds" /** The content of a .creds file. */; readonly content: () => string }
  | { readonly kind: "password"; readonly user: string; readonly password: () => string };

/** PEM texts or files; files are read anew by each connection, so that certificates can be rotated. */
export interface NatsTls {
  readonly ca?: string;
  readonly caFile?: string;
  readonly cert?: string;
  readonly certFile?: string;
  readonly key?: string;
  readonly keyFile?: string;
}

/** The part of a pino logger that is needed. */
export interface StoreLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface NatsConnectOptions {
  /** `nats://host:port` or `tls://...`; several for a cluster. */
  readonly servers: readonly string[];
  /** Shown by the server's monitoring. */
  readonly name?: string;
  readonly credentials?: NatsCredentials;
  readonly tls?: NatsTls;
  /** Where replies arrive; a user with narrow permissions has one of its own, as in `_INBOX_pilot`. */
  readonly inboxPrefix?: string;
  /** How long the first connection is tried; default 30 s. Afterwards it is kept up for ever. */
  readonly connectTimeoutMs?: number;
  readonly logger?: StoreLogger;
  readonly signal?: AbortSignal;
}

/** Connects, retrying until `connectTimeoutMs`. The connection then survives any outage of the servers. */
export async function connectNats(options: NatsConnectOptions): Promise<NatsConnection> {
  const deadline = Date.now() + (options.connectTimeoutMs ?? 30_000);
  const where = options.servers.join(", ");
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await connect(connectionOptions(options));
    } catch (error) {
      options.signal?.throwIfAborted();
      if (Date.now() >= deadline) {
        throw new MeshStoreError(
          "store_unavailable",
          `cannot connect to NATS at ${where}: ${String(error)}; check that it runs and that the credentials and CA are right`,
          error,
        );
      }
      if (attempt === 1) options.logger?.warn({ err: error, address: where }, "nats is not reachable, retrying");
      await sleep(250, undefined, options.signal ? { signal: options.signal } : {});
    }
  }
}

function connectionOptions(options: NatsConnectOptions): NodeConnectionOptions {
  return {
    servers: [...options.servers],
    name: options.name ?? "lateen",
    timeout: 5_000,
    reconnect: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 100,
    reconnectJitter: 50,
    reconnectJitterTLS: 50,
    ignoreAuthErrorAbort: true, // credentials may be rotated under us: go on trying
    pingInterval: 10_000,
    maxPingOut: 2,
    ...(options.credentials === undefined ? {} : { authenticator: authenticatorOf(options.credentials) }),
    ...(options.tls === undefined ? {} : { tls: { ...options.tls } }),
    ...(options.inboxPrefix === undefined ? {} : { inboxPrefix: options.inboxPrefix }),
  };
}

function authenticatorOf(credentials: NatsCredentials): Authenticator {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text.trim());
  switch (credentials.kind) {
    case "nkey":
      return nkeyAuthenticator(() => bytes(credentials.seed()));
    case "creds":
      return credsAuthenticator(() => bytes(credentials.content()));
    case "password":
      return usernamePasswordAuthenticator(
        () => credentials.user,
        () => credentials.password().trim(),
      );
  }
}

/** Whether the connection is up, and a signal for each time that it is. */
export class ConnectionState {
  readonly connection: NatsConnection;
  #up = new AbortController();
  #waiting = Promise.withResolvers<void>();
  readonly #logger: StoreLogger | undefined;

  constructor(connection: NatsConnection, logger?: StoreLogger) {
    this.connection = connection;
    this.#logger = logger;
    this.#waiting.resolve();
    void this.#follow(connection);
  }

  get connected(): boolean {
    return !this.#up.signal.aborted;
  }

  /** Aborts when the connection that is up now goes down. */
  get whileUp(): AbortSignal {
    return this.#up.signal;
  }

  /** Resolves when the connection is up, at once if it is. */
  up(): Promise<void> {
    return this.#waiting.promise;
  }

  async #follow(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type === "disconnect" && this.connected) {
        this.#up.abort();
        this.#waiting = Promise.withResolvers();
        this.#logger?.warn({ address: status.server }, "nats disconnected, serving from memory");
      } else if (status.type === "reconnect") {
        this.#up.abort(); // a fast reconnect may come without a disconnect
        this.#up = new AbortController();
        this.#waiting.resolve();
        this.#logger?.info({ address: status.server }, "nats reconnected");
      } else if (status.type === "error") {
        this.#logger?.error({ err: status.error }, "nats reported an error");
      }
    }
    this.#up.abort();
  }
}

/** Headers of one message. */
export function headersOf(values: Readonly<Record<string, string>>): MsgHdrs {
  const all = headers();
  for (const [name, value] of Object.entries(values)) all.set(name, value);
  return all;
}
