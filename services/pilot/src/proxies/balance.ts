import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { keys } from "@lateen/mesh-store";
import type { MeshStore } from "@lateen/mesh-store";
import { fields, toError } from "@lateen/runtime";
import type { Logger } from "@lateen/runtime";
import type { XdsServer } from "@lateen/xds-server";
import type { PilotMetrics } from "../metrics.ts";

export interface BalanceOptions {
  readonly store: MeshStore;
  readonly replica: string;
  readonly xds: Pick<XdsServer, "load" | "handOff">;
  readonly metrics: PilotMetrics;
  readonly logger: Logger;
  /** Proxies that may be sent away in a second; 0: none ever is. */
  readonly perSecond: number;
  readonly intervalMs?: number;
}

/** What a replica knows of itself and the others when it decides whether to send proxies away. */
export interface Distribution {
  readonly own: number;
  readonly others: readonly number[];
  /** The event loop's 99th percentile of being late. */
  readonly lagMs: number;
  readonly waiting: number;
}

export interface Excess {
  readonly reason: "imbalance" | "overload";
  readonly proxies: number;
}

/** Less than this is how chance spreads connections. */
const tolerance = { share: 1.2, proxies: 10 };
const overloadLagMs = 200;
/** A status that is older is of a replica that is gone. */
const staleMs = 60_000;

/**
 * How many proxies another replica should have. One that has more than its share gives the surplus to a replica that has
 * just come; one that cannot keep up gives away some even of its share. Nobody is sent away while a storm is taken in, and
 * by the replica that has the fewest.
 */
export function excessOf({ own, others, lagMs, waiting }: Distribution): Excess | undefined {
  if (others.length === 0 || waiting > 0) return undefined;
  const share = Math.ceil((own + others.reduce((sum, each) => sum + each, 0)) / (others.length + 1));
  if (own > share * tolerance.share + tolerance.proxies) return { reason: "imbalance", proxies: own - share };
  if (lagMs > overloadLagMs && own > Math.min(...others) * tolerance.share)
    return { reason: "overload", proxies: Math.ceil(own / 10) };
  return undefined;
}

/**
 * Looks once an interval, and hands over at most what the rate allows. Replicas must have been the same for two looks: one
 * that has just come is not reached by everybody yet, and what is sent away would find those that were there. Ends on abort.
 */
export async function keepBalance(options: BalanceOptions, signal: AbortSignal): Promise<void> {
  const { xds, metrics, logger, perSecond, intervalMs = 5_000 } = options;
  const delay = monitorEventLoopDelay();
  delay.enable();
  let known = "";
  while (!signal.aborted) {
    await sleep(intervalMs, undefined, { signal }).catch(() => undefined);
    const { proxies, waiting, underWay } = xds.load();
    metrics.waitingProxies.set(waiting);
    metrics.firstAnswersUnderWay.set(underWay);
    const lagMs = delay.percentile(99) / 1e6;
    delay.reset();
    if (perSecond === 0 || signal.aborted || proxies === 0) continue;
    try {
      const others = await proxiesOfOthers(options);
      const before = known;
      known = [...others.keys()].sort().join();
      const excess = excessOf({ own: proxies, others: [...others.values()], lagMs, waiting });
      if (excess === undefined || known !== before) continue;
      const count = xds.handOff(Math.min(excess.proxies, Math.max(1, Math.floor((perSecond * intervalMs) / 1_000))));
      metrics.handedOff.inc({ reason: excess.reason }, count);
      if (count > 0) logger.info({ [fields.count]: count, [fields.reason]: excess.reason }, "proxies handed over");
    } catch (error) {
      if (!signal.aborted) logger.warn({ [fields.error]: toError(error) }, "cannot learn of other replicas");
    }
  }
  delay.disable();
}

/** By the replica's key. */
async function proxiesOfOthers({ store, replica }: BalanceOptions): Promise<ReadonlyMap<string, number>> {
  const own = keys.status("pilot", replica);
  const others = new Map<string, number>();
  for (const { key, entry } of await store.list(keys.prefix("status", "pilot"))) {
    const { value } = entry;
    if (key !== own && value.case === "status" && Date.now() - Number(value.value.updatedAtMs) < staleMs)
      others.set(key, value.value.proxies);
  }
  return others;
}
