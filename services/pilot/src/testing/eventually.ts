import { setTimeout as sleep } from "node:timers/promises";

/** Waits until `probe` gives something truthy; fails with `what` after a minute. */
export async function eventually<T>(
  what: string,
  probe: () => T | Promise<T>,
  timeoutMs = 60_000,
): Promise<NonNullable<T>> {
  const limit = Date.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value) return value as NonNullable<T>;
    if (Date.now() > limit) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await sleep(5);
  }
}
