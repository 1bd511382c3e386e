import { Latest } from "../mesh/latest.ts";

/** The newest value of every source, once all have given one, and again after each change. Ends when `signal` aborts. */
export async function* newestOfEach<T>(
  sources: readonly AsyncIterable<T>[],
  signal: AbortSignal,
): AsyncGenerator<readonly T[]> {
  const values = new Map<number, T>();
  const all = new Latest<{ readonly values: readonly T[] } | { readonly fault: unknown }>();
  const follow = async (source: AsyncIterable<T>, index: number): Promise<void> => {
    try {
      for await (const value of source) {
        values.set(index, value);
        if (values.size === sources.length) all.set({ values: sources.map((_source, at) => values.get(at) as T) });
      }
    } catch (fault) {
      all.set({ fault });
    }
  };
  for (const [index, source] of sources.entries()) void follow(source, index);
  for await (const state of all.watch(signal)) {
    if ("fault" in state) throw state.fault;
    yield state.values;
  }
}
