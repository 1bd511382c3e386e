import { AckPolicy, type ConsumerConfig, DeliverPolicy, type JsMsg } from "@nats-io/jetstream";
import { createInbox, nanos, nuid } from "nats";
import { type Bucket, isDeletion } from "./bucket.ts";

/** A message of the bucket as the feed saw it; `bytes` is absent for a deletion. */
export interface RawChange {
  readonly key: string;
  readonly revision: number;
  readonly bytes?: Uint8Array;
}

export interface FeedReader {
  /** The complete state up to `revision`. Called once, before any `change`. */
  state(changes: readonly RawChange[], revision: number): void;
  change(change: RawChange): void;
}

const heartbeatMs = 1_000;

/**
 * Reads the state of some prefixes and then every change, by one consumer of the stream. Resolves when it cannot say
 * for certain that it has seen everything (a gap, silence, a deleted consumer) or `signal` aborts; the caller then
 * starts anew from the full state. Rejects if the consumer cannot be created.
 */
export async function feed(
  bucket: Bucket,
  prefixes: readonly string[],
  reader: FeedReader,
  signal: AbortSignal,
): Promise<void> {
  const config = consumerConfig(bucket, prefixes);
  const upTo = await bucket.lastSequence(); // what the state will cover, also where the last messages were deletions
  const info = await bucket.manager.consumers.add(bucket.stream, config);
  const over = Promise.withResolvers<void>();
  const end = (): void => over.resolve();
  const assembly = new Assembly(bucket, reader, { upTo, pending: info.num_pending, onGap: end });
  if (signal.aborted) return;
  signal.addEventListener("abort", end, { once: true });
  const js = await bucket.boundConsumer(config.deliver_subject, nanos(heartbeatMs));
  const messages = await js.consume({ callback: (message) => assembly.message(message) });
  void messages.closed().then(end);
  void (async () => {
    for await (const status of messages.status()) {
      if (status.type === "heartbeat") assembly.heartbeat(status.lastConsumerSequence);
      else if (status.type === "heartbeats_missed" || status.type === "consumer_deleted") end();
    }
  })();
  assembly.start();
  try {
    await over.promise;
  } finally {
    signal.removeEventListener("abort", end);
    await messages.close();
    void bucket.manager.consumers.delete(bucket.stream, info.name).catch(() => undefined); // the server forgets it anyway
  }
}

function consumerConfig(
  bucket: Bucket,
  prefixes: readonly string[],
): Partial<ConsumerConfig> & { deliver_subject: string } {
  const subjects = prefixes.map((prefix) => bucket.subjectOf(`${prefix}>`));
  return {
    name: `mesh_${nuid.next()}`,
    deliver_subject: createInbox(bucket.inboxPrefix),
    deliver_policy: DeliverPolicy.LastPerSubject,
    ack_policy: AckPolicy.None,
    // One filter goes into the request's subject, where the server's permissions can see it.
    ...(subjects.length === 1 ? { filter_subject: subjects[0] as string } : { filter_subjects: subjects }),
    max_deliver: 1,
    mem_storage: true,
    num_replicas: 1,
    flow_control: true,
    idle_heartbeat: nanos(heartbeatMs),
    inactive_threshold: nanos(30_000),
  };
}

/** Puts the first messages together to the full state, and notices what is missing by the consumer's own count. */
class Assembly {
  readonly #bucket: Bucket;
  readonly #reader: FeedReader;
  readonly #options: { upTo: number; pending: number; onGap: () => void };
  #state: RawChange[] | undefined = [];
  #delivered = 0;

  constructor(bucket: Bucket, reader: FeedReader, options: { upTo: number; pending: number; onGap: () => void }) {
    this.#bucket = bucket;
    this.#reader = reader;
    this.#options = options;
  }

  start(): void {
    if (this.#options.pending === 0) this.#complete();
  }

  message(message: JsMsg): void {
    const { deliverySequence, pending } = message.info;
    if (deliverySequence !== this.#delivered + 1) {
      this.#options.onGap();
      return;
    }
    this.#delivered = deliverySequence;
    const change: RawChange = {
      key: this.#bucket.keyOf(message.subject),
      revision: message.seq,
      ...(isDeletion(message.headers) ? {} : { bytes: message.data }),
    };
    if (this.#state === undefined) {
      this.#reader.change(change);
      return;
    }
    this.#state.push(change);
    if (pending === 0 || this.#delivered >= this.#options.pending) this.#complete();
  }

  /** Sent when the consumer is idle: all there is has been delivered. */
  heartbeat(lastDelivered: number): void {
    if (lastDelivered !== this.#delivered) this.#options.onGap();
    else this.#complete();
  }

  #complete(): void {
    const state = this.#state;
    if (state === undefined) return;
    this.#state = undefined;
    this.#reader.state(state, Math.max(this.#options.upTo, ...state.slice(-1).map((change) => change.revision)));
  }
}
