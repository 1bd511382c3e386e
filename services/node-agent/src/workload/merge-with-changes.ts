import type { TlsSource } from "@lateen/rpc";

/**
 * Requests as they come, and `"changed"` after each change of `source`, in one sequence. Ends with the requests; a
 * reader that is slow gets one "changed" for several.
 */
export async function* mergeWithChanges<Request>(
  requests: AsyncIterable<Request>,
  source: TlsSource,
  signal: AbortSignal,
): AsyncGenerator<Request | "changed"> {
  const iterator = requests[Symbol.asyncIterator]();
  let changed = false;
  let wake = Promise.withResolvers<void>();
  const stop = source.onChange(() => {
    changed = true;
    wake.resolve();
  });
  try {
    let next = iterator.next();
    while (!signal.aborted) {
      const request = await Promise.race([next, wake.promise]);
      if (changed) {
        changed = false;
        wake = Promise.withResolvers<void>();
        yield "changed";
      }
      if (request === undefined) continue;
      if (request.done === true) return;
      next = iterator.next();
      yield request.value;
    }
  } finally {
    stop();
  }
}
