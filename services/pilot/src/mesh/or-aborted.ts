import { addAbortListener } from "node:events";

/** Waits for `work`, at most until `signal` aborts. Never rejects because of the signal. */
export async function orAborted(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  using _onAbort = addAbortListener(signal, () => resolve());
  await Promise.race([work, promise]);
}
