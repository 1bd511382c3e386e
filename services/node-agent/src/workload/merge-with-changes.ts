/** Tells of its changes; answers how to stop listening. */
interface Changing {
  onChange(listener: () => void): () => void;
}

/**
 * Requests as they come, and `"changed"` after each change of a source, in one sequence. Ends with the requests; a
 * reader that is slow gets one "changed" for several.
 */
export async function* mergeWithChanges<Request>(
  requests: AsyncIterable<Request>,
  sources: readonly Changing[],
  signal: AbortSignal,
): AsyncGenerator<Request | "changed"> {
  const iterator = requests[Symbol.asyncIterator]();
  let changed = false;
  let wake = Promise.withResolvers<void>();
  const note = (): void => {
    changed = true;
    wake.resolve();
  };
  const stops = sources.map((source) => source.onChange(note));
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
    for (const stop of stops) stop();
  }
}
