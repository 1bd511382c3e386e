import { addAbortListener } from "node:events";

/** The work's result, or the abort's reason as soon as the signal aborts; the work itself may go on. */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  work.catch(() => {}); // it may fail after the abort, when nobody waits any more
  if (signal.aborted) throw signal.reason;
  using _onAbort = addAbortListener(signal, () => reject(signal.reason as Error));
  return await Promise.race([work, promise]);
}

/** Lets a generator run its `finally` without waiting for it: it may be stuck in what was aborted. */
export function abandon(iterator: AsyncIterator<unknown> | undefined): void {
  void (async () => iterator?.return?.())().catch(() => {});
}
