import type { NatsConnection } from "nats";
import type { MeshStore } from "../store.ts";

/** Facts that everyone who listens now gets, at most once, and that nobody keeps: for what is stale in a second. */
export interface Broadcast {
  /** Lost while disconnected. */
  publish(bytes: Uint8Array): void;
  /** Messages of others and our own, from now on until `signal` aborts. A reader that does not keep up loses the oldest. */
  messages(signal: AbortSignal): AsyncIterable<Uint8Array>;
}

export interface NatsMeshStore extends MeshStore {
  /** A subject of the same connection, as in `mesh.policy.v1.counted`. */
  broadcast(subject: string): Broadcast;
}

const maxWaiting = 1_000;

export function broadcastOver(connection: NatsConnection, subject: string, connected: () => boolean): Broadcast {
  return {
    publish(bytes) {
      if (connected()) connection.publish(subject, bytes);
    },
    async *messages(signal) {
      const waiting: Uint8Array[] = [];
      let wake: () => void = () => undefined;
      const subscription = connection.subscribe(subject, {
        callback: (error, message) => {
          if (error === null && waiting.push(message.data) > maxWaiting) waiting.shift();
          wake();
        },
      });
      const onAbort = (): void => wake();
      signal.addEventListener("abort", onAbort);
      try {
        while (!signal.aborted) {
          const next = waiting.shift();
          if (next !== undefined) yield next;
          else
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
        }
      } finally {
        signal.removeEventListener("abort", onAbort);
        subscription.unsubscribe();
      }
    },
  };
}
