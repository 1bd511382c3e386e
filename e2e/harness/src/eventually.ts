import { setTimeout as sleep } from "node:timers/promises";

export interface EventuallyOptions {
  /** Default 60 s: a wait that ends well costs nothing, however long it may be. */
  readonly timeoutMs?: number;
  readonly intervalMs?: number;
  /** What is waited for, for the message when it does not come. */
  readonly what?: string;
}

/**
 * Repeats `attempt` until it neither throws nor answers `undefined` or `false`, and returns its answer.
 * Throws after the time with the last reason as cause.
 */
export async function eventually<T>(
  attempt: () => Promise<T | undefined | false> | T | undefined | false,
  options: EventuallyOptions = {},
): Promise<T> {
  const timeoutMs = options.timeoutMs ?? 60_000;
  const deadline = Date.now() + timeoutMs;
  let cause: unknown;
  for (;;) {
    try {
      const answer = await attempt();
      if (answer !== undefined && answer !== false) return answer;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (Date.now() >= deadline) break;
    await sleep(options.intervalMs ?? 25);
  }
  const reason = cause === undefined ? "" : `: ${cause instanceof Error ? cause.message : String(cause)}`;
  throw new Error(`${options.what ?? "condition"} not met within ${timeoutMs} ms${reason}`, { cause });
}
