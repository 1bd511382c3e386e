import {
  jetstream,
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  jetstreamManager,
  type PushConsumer,
} from "@nats-io/jetstream";
import type { NatsConnection } from "nats";
import { setTimeout as sleep } from "node:timers/promises";
import { MeshStoreError } from "../errors.ts";
import { type ConnectionState, headersOf, type StoreLogger } from "./connection.ts";
import { ensureStream, isStreamNotFound, streamOf } from "./stream.ts";

const wrongLastSequence = new Set([10071, 10164]);
/** Deletions leave a marker, so that watchers see them; readers that come later than this read the full state anyway. */
const markerLifetime = "1h";
/** One try, and all tries of one request. */
const apiTimeoutMs = 1_000;
const writeTimeoutMs = 3_000;
const requestMs = 5_000;

export interface BucketOptions {
  readonly bucket: string;
  readonly replicas: number;
  readonly connectTimeoutMs: number;
  readonly inboxPrefix?: string;
  readonly logger?: StoreLogger;
}

/** The last message of a key. `bytes` is absent for a deletion. */
export interface RawValue {
  readonly revision: number;
  readonly bytes?: Uint8Array;
}

/** One key-value bucket, in the layout of NATS's own KV clients: the `nats kv` command reads it. */
export class Bucket {
  readonly connection: NatsConnection;
  readonly stream: string;
  readonly manager: JetStreamManager;
  readonly #state: ConnectionState;
  readonly #client: JetStreamClient;
  readonly inboxPrefix: string | undefined;
  readonly #prefix: string;
  readonly #options: BucketOptions;
  #newest = 0;
  #restoring: Promise<void> | undefined;
  /** The time of connection in which this user was told that it may not create the bucket. */
  #refusedWhile: AbortSignal | undefined;

  private constructor(state: ConnectionState, manager: JetStreamManager, options: BucketOptions) {
    const { bucket } = options;
    this.#options = options;
    this.inboxPrefix = options.inboxPrefix;
    this.#state = state;
    this.connection = state.connection;
    this.manager = manager;
    this.#client = jetstream(state.connection, { timeout: writeTimeoutMs });
    this.stream = streamOf(bucket);
    this.#prefix = `$KV.${bucket}.`;
  }

  /** Creates the bucket if it is missing. A server that is still starting is waited for. */
  static async open(state: ConnectionState, options: BucketOptions): Promise<Bucket> {
    const deadline = Date.now() + options.connectTimeoutMs;
    for (;;) {
      try {
        const manager = await jetstreamManager(state.connection, { timeout: apiTimeoutMs, checkAPI: false });
        await ensureStream(manager, options);
        return new Bucket(state, manager, options);
      } catch (error) {
        if (Date.now() >= deadline) {
          throw new MeshStoreError(
            "store_misconfigured",
            `cannot open the bucket ${options.bucket}: ${String(error)}; JetStream must be enabled and this user allowed to use the bucket, or to create it`,
            error,
          );
        }
        await sleep(250);
      }
    }
  }

  subjectOf(keyOrWildcard: string): string {
    return this.#prefix + keyOrWildcard;
  }

  keyOf(subject: string): string {
    return subject.slice(this.#prefix.length);
  }

  /** From the stream's leader: reads what was written. */
  async read(key: string): Promise<RawValue | undefined> {
    const message = await this.#ask(key, "repeatable", () =>
      this.manager.streams.getMessage(this.stream, { last_by_subj: this.subjectOf(key) }),
    );
    if (message === null) return undefined;
    return isDeletion(message.header) ? { revision: message.seq } : { revision: message.seq, bytes: message.data };
  }

  /** Sequence of the write; undefined if the key is not at `expected` (0: absent for ever). */
  async write(key: string, bytes: Uint8Array, expected?: number): Promise<number | undefined> {
    return this.#publish(key, { bytes, ...(expected === undefined ? {} : { expected }) });
  }

  async erase(key: string, expected: number): Promise<number | undefined> {
    return this.#publish(key, { bytes: new Uint8Array(), expected, ttl: markerLifetime, operation: "PURGE" });
  }

  /** What a consumer that pushes to `subject` sends. */
  boundConsumer(subject: string, heartbeat: number): Promise<PushConsumer> {
    return this.#client.consumers.getBoundPushConsumer({ deliver_subject: subject, idle_heartbeat: heartbeat });
  }

  /** Of the whole bucket, which is made again first if it is gone. */
  async lastSequence(): Promise<number> {
    const info = () => this.manager.streams.info(this.stream);
    const { state } = await info().catch(async (error: unknown) => {
      if (!isStreamNotFound(error)) throw error;
      await this.#restore();
      return info();
    });
    this.#newest = Math.max(this.#newest, state.last_seq);
    return state.last_seq;
  }

  /**
   * Makes the bucket again after its server lost it: empty, so that its sources fill it. Never rejects: whoever may not
   * (it is asked once a connection), or fails, goes on trying what it wanted to do, until another replica has made it.
   */
  #restore(): Promise<void> {
    if (this.#refusedWhile === this.#state.whileUp) return Promise.resolve();
    this.#restoring ??= this.#recreate().finally(() => {
      this.#restoring = undefined;
    });
    return this.#restoring;
  }

  async #recreate(): Promise<void> {
    const { bucket, replicas, logger } = this.#options;
    const { whileUp } = this.#state;
    try {
      if (await ensureStream(this.manager, { bucket, replicas, newest: this.#newest }))
        logger?.warn({ bucket }, "the bucket of the mesh store was gone and is made again, empty");
    } catch (error) {
      if (isRefusal(error)) this.#refusedWhile = whileUp;
      logger?.warn({ bucket, err: error }, "the bucket of the mesh store is gone and cannot be made again here");
    }
  }

  /**
   * Runs a request when the connection is up. Where nothing was done (no responder: JetStream starts, or elects a
   * leader; no bucket: it is made again) or nothing can be (a read), it is asked again, for `requestMs` in all.
   */
  async #ask<T>(key: string, how: "once" | "repeatable", request: () => Promise<T>): Promise<T> {
    const deadline = Date.now() + requestMs;
    for (let wait = 20; ; wait = Math.min(wait * 2, 500)) {
      try {
        await within(this.#state.up(), deadline);
        return await unlessDown(request(), this.#state.whileUp);
      } catch (error) {
        const gone = isStreamNotFound(error);
        if (gone) await this.#restore();
        const again =
          gone ||
          isNoResponder(error) ||
          (how === "repeatable" && (error instanceof OutcomeUnknown || isTimeout(error)));
        if (!again || Date.now() >= deadline) throw faultOf(key, error);
      }
      await sleep(wait);
    }
  }

  async #publish(
    key: string,
    message: { bytes: Uint8Array; expected?: number; ttl?: string; operation?: string },
  ): Promise<number | undefined> {
    const options = {
      ...(message.expected === undefined ? {} : { expect: { lastSubjectSequence: message.expected } }),
      ...(message.ttl === undefined ? {} : { ttl: message.ttl }),
      ...(message.operation === undefined ? {} : { headers: headersOf({ "KV-Operation": message.operation }) }),
    };
    try {
      const { seq } = await this.#ask(key, "once", () =>
        this.#client.publish(this.subjectOf(key), message.bytes, options),
      );
      this.#newest = Math.max(this.#newest, seq);
      return seq;
    } catch (error) {
      if (
        error instanceof MeshStoreError &&
        error.cause instanceof JetStreamApiError &&
        wrongLastSequence.has(error.cause.code)
      )
        return undefined;
      throw error;
    }
  }
}

/** Whether the headers say that the key was deleted, by a client or by the server. */
export function isDeletion(headers: { get(name: string): string } | undefined): boolean {
  const operation = headers?.get("KV-Operation");
  return operation === "DEL" || operation === "PURGE" || Boolean(headers?.get("Nats-Marker-Reason"));
}

function faultOf(key: string, error: unknown): MeshStoreError {
  const unknown = error instanceof OutcomeUnknown || isTimeout(error) ? " (a write may or may not have been done)" : "";
  const code =
    error instanceof JetStreamApiError && !isNoResponder(error) && !isStreamNotFound(error)
      ? "store_conflict"
      : "store_unavailable";
  return new MeshStoreError(code, `mesh store request for key ${key} failed: ${String(error)}${unknown}`, error);
}

async function within<T>(work: Promise<T>, deadline: number): Promise<T> {
  const timer = new AbortController();
  const late = sleep(Math.max(0, deadline - Date.now()), undefined, { signal: timer.signal }).then(() => {
    throw new Error("NATS is not connected");
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.abort();
    late.catch(() => undefined);
  }
}

async function unlessDown<T>(request: Promise<T>, whileUp: AbortSignal): Promise<T> {
  const down = Promise.withResolvers<never>();
  const onDown = (): void => down.reject(new OutcomeUnknown("NATS disconnected"));
  whileUp.addEventListener("abort", onDown, { once: true });
  if (whileUp.aborted) onDown();
  try {
    return await Promise.race([request, down.promise]);
  } finally {
    whileUp.removeEventListener("abort", onDown);
    request.catch(() => undefined); // it may fail later, when nobody waits
  }
}

/** The request was sent and the connection went down before the answer: it may have been done. */
class OutcomeUnknown extends Error {}

function isNoResponder(error: unknown): boolean {
  const names = error instanceof Error ? [error.name, error.cause instanceof Error ? error.cause.name : ""] : [];
  return (
    names.includes("JetStreamNotEnabled") ||
    names.includes("NoRespondersError") ||
    (error instanceof JetStreamApiError && error.status === 503)
  );
}

function isRefusal(error: unknown): boolean {
  const names = error instanceof Error ? [error.name, error.cause instanceof Error ? error.cause.name : ""] : [];
  return names.includes("PermissionViolationError");
}

function isTimeout(error: unknown): boolean {
  return (
    error instanceof Error &&
    (error.name === "TimeoutError" || (error.cause instanceof Error && error.cause.name === "TimeoutError"))
  );
}
