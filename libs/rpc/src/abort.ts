/** What is to happen when a signal aborts, by signal. */
const waits = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `callback` when `signal` aborts, at once if it has, unless what is returned is called first. As `addAbortListener`
 * of node:events, for signals that are waited on again and again: however often, they have one listener.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  if (signal.aborted) {
    callback();
    return () => {};
  }
  const callbacks = waits.get(signal) ?? follow(signal);
  callbacks.add(callback);
  return () => void callbacks.delete(callback);
}

function follow(signal: AbortSignal): Set<() => void> {
  const callbacks = new Set<() => void>();
  waits.set(signal, callbacks);
  const callAll = (): void => {
    for (const callback of callbacks) callback();
  };
  signal.addEventListener("abort", callAll, { once: true });
  return callbacks;
}

/** The work's result, or the abort's reason as soon as the signal aborts; the work itself may go on. */
export function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const cancel = onAbort(signal, () => reject(signal.reason as Error));
    const settle =
      <Outcome>(how: (outcome: Outcome) => void) =>
      (outcome: Outcome): void => {
        cancel();
        how(outcome);
      };
    work.then(settle(resolve), settle(reject));
  });
}

/** Lets a generator run its `finally` without waiting for it: it may be stuck in what was aborted. */
export function abandon(iterator: AsyncIterator<unknown> | undefined): void {
  void (async () => iterator?.return?.())().catch(() => {});
}
