import { setTimeout as sleep } from "node:timers/promises";
import type { Counters, ReplicaCount } from "./counters.ts";

/** The subject on which replicas say what they have counted. */
export const countedSubject = "mesh.policy.v1.counted";

/** How replicas hear each other: a NATS subject, or nothing where there is but one. */
export interface CountChannel {
  publish(bytes: Uint8Array): void;
  messages(signal: AbortSignal): AsyncIterable<Uint8Array>;
}

const intervalMs = 100;
const countsPerMessage = 500;

/**
 * Tells the other replicas every 100 ms what was counted here, and adds what they tell. Limits therefore hold over all
 * replicas, but for what arrives within an interval; without NATS each replica counts alone meanwhile.
 */
export async function shareCounts(
  counters: Counters,
  channel: CountChannel,
  replica: string,
  signal: AbortSignal,
): Promise<void> {
  await Promise.all([tell(counters, channel, replica, signal), listen(counters, channel, replica, signal)]);
}

async function tell(counters: Counters, channel: CountChannel, replica: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const changed = counters.takeChanged();
    for (let at = 0; at < changed.length; at += countsPerMessage)
      channel.publish(encodeCounts(replica, changed.slice(at, at + countsPerMessage)));
    await sleep(intervalMs, undefined, { signal }).catch(() => undefined);
  }
}

async function listen(counters: Counters, channel: CountChannel, replica: string, signal: AbortSignal): Promise<void> {
  for await (const bytes of channel.messages(signal)) {
    const told = decodeCounts(bytes);
    if (told !== undefined && told.replica !== replica) counters.merge(told.replica, told.counts);
  }
}

/** JSON, as it lives for a moment between replicas of one release: `[1, replica, [[id, endsAt, used], ...]]`. */
export function encodeCounts(replica: string, counts: readonly ReplicaCount[]): Uint8Array {
  return Buffer.from(JSON.stringify([1, replica, counts.map(({ id, endsAt, used }) => [id, endsAt, used])]));
}

/** undefined for what is not of this version. */
export function decodeCounts(bytes: Uint8Array): { replica: string; counts: ReplicaCount[] } | undefined {
  try {
    const [version, replica, counts] = JSON.parse(Buffer.from(bytes).toString()) as [
      number,
      string,
      [string, number, number][],
    ];
    if (version !== 1 || typeof replica !== "string" || !Array.isArray(counts)) return undefined;
    return {
      replica,
      counts: counts.map(([id, endsAt, used]) => ({
        id: String(id),
        endsAt: Number(endsAt) || 0,
        used: Number(used) || 0,
      })),
    };
  } catch {
    return undefined;
  }
}
