import type { Entry } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import { setTimeout as sleep } from "node:timers/promises";
import { BatchQueue } from "../batch-queue.ts";
import { decodeEntry, encodeEntry } from "../codec.ts";
import { MeshStoreError } from "../errors.ts";
import { checkKey, keys, normalizePrefixes } from "../keys.ts";
import type { SkippedEntry, StoreChange, StoredEntry } from "../store.ts";
import { type Broadcast, broadcastOver, type NatsMeshStore } from "./broadcast.ts";
import { Bucket, type RawValue } from "./bucket.ts";
import { connectNats, ConnectionState, type NatsConnectOptions, type StoreLogger } from "./connection.ts";
import { feed, type RawChange } from "./feed.ts";

export interface NatsStoreOptions extends NatsConnectOptions {
  /** Default `mesh`. */
  readonly bucket?: string;
  /** Copies that a NATS cluster keeps of a bucket that has to be created: 1 (default), 3 or 5. */
  readonly replicas?: number;
}

/** Opens the store in a NATS server or cluster and creates its bucket if it is missing. */
export async function openNatsStore(options: NatsStoreOptions): Promise<NatsMeshStore> {
  const connection = await connectNats(options);
  try {
    const state = new ConnectionState(connection, options.logger);
    const bucket = await Bucket.open(state, {
      bucket: options.bucket ?? "mesh",
      replicas: options.replicas ?? 1,
      connectTimeoutMs: options.connectTimeoutMs ?? 30_000,
      ...(options.inboxPrefix === undefined ? {} : { inboxPrefix: options.inboxPrefix }),
      ...(options.logger === undefined ? {} : { logger: options.logger }),
    });
    return new NatsStore(bucket, state, options.logger);
  } catch (error) {
    await connection.close();
    throw error;
  }
}

class NatsStore implements NatsMeshStore {
  readonly #bucket: Bucket;
  readonly #state: ConnectionState;
  readonly #logger: StoreLogger | undefined;
  readonly #skipped = new Map<string, SkippedEntry>();
  readonly #closed = new AbortController();

  constructor(bucket: Bucket, state: ConnectionState, logger: StoreLogger | undefined) {
    this.#bucket = bucket;
    this.#state = state;
    this.#logger = logger;
  }

  async *watch(prefixes: readonly string[], signal: AbortSignal) {
    const ended = new AbortController(); // also when the reader leaves its loop
    const all = AbortSignal.any([signal, this.#closed.signal, ended.signal]);
    const queue = new BatchQueue();
    const feeding = this.#feedForEver(normalizePrefixes(prefixes), queue, all);
    try {
      yield* queue.batches(all);
    } finally {
      ended.abort();
      await feeding;
    }
  }

  async get(key: string): Promise<StoredEntry | undefined> {
    return this.#stored(key, await this.#read(key));
  }

  async list(prefix: string): Promise<readonly StoredEntry[]> {
    const found = Promise.withResolvers<StoredEntry[]>();
    const done = new AbortController();
    const state = (changes: readonly RawChange[]): void => {
      found.resolve(changes.map((change) => this.#stored(change.key, change)).filter((stored) => stored !== undefined));
      done.abort();
    };
    const prefixes = normalizePrefixes([prefix]);
    await this.#state.up();
    await feed(
      this.#bucket,
      prefixes,
      { state, change: () => undefined },
      AbortSignal.any([done.signal, this.#closed.signal, this.#state.whileUp]),
    );
    if (!done.signal.aborted)
      throw new MeshStoreError("store_unavailable", `listing ${prefix} was interrupted: NATS disconnected`);
    return (await found.promise).sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  async put(key: string, entry: Entry): Promise<bigint> {
    const bytes = this.#encode(key, entry);
    for (let attempt = 0; attempt < 10; attempt += 1) {
      const current = await this.#read(key);
      if (current?.bytes !== undefined && Buffer.compare(current.bytes, bytes) === 0) return BigInt(current.revision);
      // Compare-and-swap: a plain put could undo, after a reconnect, what was written since.
      const revision = await this.#bucket
        .write(key, bytes, current?.revision ?? 0)
        .catch((error: unknown) => again(error, attempt));
      if (revision !== undefined) return BigInt(revision);
    }
    throw new MeshStoreError(
      "store_conflict",
      `key ${key} is written by others all the time; is there a second writer?`,
    );
  }

  async create(key: string, entry: Entry): Promise<bigint | undefined> {
    const bytes = this.#encode(key, entry);
    const current = await this.#read(key);
    return current?.bytes === undefined
      ? bigint(await this.#bucket.write(key, bytes, current?.revision ?? 0))
      : undefined;
  }

  async replace(key: string, entry: Entry, revision: bigint): Promise<bigint | undefined> {
    const bytes = this.#encode(key, entry);
    const current = await this.#read(key); // a deletion has a revision too, but is nothing to replace
    if (current?.bytes === undefined || BigInt(current.revision) !== revision) return undefined;
    return bigint(await this.#bucket.write(key, bytes, current.revision));
  }

  async delete(key: string): Promise<bigint> {
    for (let attempt = 0; ; attempt += 1) {
      const current = await this.#read(key);
      if (current?.bytes === undefined) return BigInt(current?.revision ?? 0);
      const revision = await this.#bucket.erase(key, current.revision).catch((error: unknown) => again(error, attempt));
      if (revision !== undefined) return BigInt(revision);
    }
  }

  connected(): boolean {
    return this.#state.connected && !this.#closed.signal.aborted;
  }

  skipped(): readonly SkippedEntry[] {
    return [...this.#skipped.values()];
  }

  broadcast(subject: string): Broadcast {
    return broadcastOver(this.#bucket.connection, subject, () => this.connected());
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await this.#bucket.connection.close();
  }

  /** Feeds the queue until `signal` aborts; every time it has to start anew, from the full state. */
  async #feedForEver(prefixes: readonly string[], queue: BatchQueue, signal: AbortSignal): Promise<void> {
    const reader = {
      state: (changes: readonly RawChange[], revision: number) =>
        queue.reset(
          changes.map((change) => this.#change(change)),
          BigInt(revision),
        ),
      change: (change: RawChange) => queue.push(this.#change(change)),
    };
    const stopped = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    for (let wait = 20; !signal.aborted; wait = Math.min(wait * 2, 1_000)) {
      await Promise.race([this.#state.up(), stopped]);
      if (signal.aborted) return;
      try {
        await feed(this.#bucket, prefixes, reader, AbortSignal.any([signal, this.#state.whileUp]));
        wait = 20;
      } catch (error) {
        if (signal.aborted) return;
        if (wait >= 500)
          this.#logger?.warn({ err: error, key: prefixes.join(" ") }, "cannot watch the mesh store, retrying");
      }
      await sleep(wait, undefined, { signal }).catch(() => undefined);
    }
  }

  async #read(key: string): Promise<RawValue | undefined> {
    if (this.#closed.signal.aborted) throw new MeshStoreError("store_closed", `the mesh store is closed (key ${key})`);
    checkKey(key);
    return this.#bucket.read(key);
  }

  #encode(key: string, entry: Entry): Uint8Array {
    const bytes = encodeEntry(entry);
    const limit = (this.#bucket.connection.info?.max_payload ?? 1_048_576) - headerAllowance;
    if (bytes.length <= limit) return bytes;
    const parsed = keys.parse(key);
    const object = parsed === undefined ? key : Object.values(parsed).join(" ");
    throw new MeshStoreError(
      "value_too_large",
      `${object} (key ${key}) is ${bytes.length} bytes, more than the ${limit} that this NATS server accepts: raise max_payload in its configuration (64 MB at most), or split the object`,
    );
  }

  #change(raw: RawChange): StoreChange {
    const stored = this.#stored(raw.key, raw);
    return stored === undefined
      ? { type: "delete", key: raw.key, revision: BigInt(raw.revision) }
      : { type: "put", ...stored };
  }

  /** undefined for what is absent, deleted or unreadable; the latter is remembered for `skipped`. */
  #stored(key: string, raw: RawValue | undefined): StoredEntry | undefined {
    const decoded = raw?.bytes === undefined ? undefined : decodeEntry(raw.bytes);
    if (raw !== undefined && decoded?.ok === false) {
      if (this.#skipped.get(key)?.revision !== BigInt(raw.revision))
        this.#logger?.warn({ key, revision: raw.revision, reason: decoded.reason }, "store entry skipped");
      this.#skipped.set(key, { key, revision: BigInt(raw.revision), reason: decoded.reason });
      return undefined;
    }
    this.#skipped.delete(key);
    return raw !== undefined && decoded?.ok === true
      ? { key, revision: BigInt(raw.revision), entry: decoded.entry }
      : undefined;
  }
}

/** Room for the headers of a publish, which count as payload. */
const headerAllowance = 512;

/** Put and delete look first, so they may be tried once more where the outcome is not known. */
function again(error: unknown, attempt: number): undefined {
  if (attempt > 0 || !(error instanceof MeshStoreError) || error.code !== "store_unavailable") throw error;
  return undefined;
}

function bigint(sequence: number | undefined): bigint | undefined {
  return sequence === undefined ? undefined : BigInt(sequence);
}
