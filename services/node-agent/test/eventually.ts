import { setTimeout as sleep } from "node:timers/promises";

/** Waits until `probe` gives something truthy and does not throw; fails with `what` and the last reason otherwise. */
export async function eventually<T>(
  what: string,
  probe: () => T | Promise<T>,
  timeoutMs = 60_000,
): Promise<NonNullable<T>> {
  const limit = Date.now() + timeoutMs;
  for (;;) {
    let cause: unknown;
    try {
      const value = await probe();
      if (value) return value as NonNullable<T>;
    } catch (error) {
      cause = error;
    }
    if (Date.now() > limit) throw new Error(`${what}: not within ${timeoutMs} ms (${String(cause)})`, { cause });
    await sleep(20);
  }
}
