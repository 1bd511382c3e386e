/**
 * Passes on what `change` takes no interest in at once, in order; what it changes follows when it is done, in order among
 * its own. So a module that takes long to fetch holds up nothing else. `change` must not reject.
 */
export async function* inOwnTime<Item>(
  items: AsyncIterable<Item>,
  change: (item: Item) => Promise<Item> | undefined,
): AsyncIterable<Item> {
  const source = items[Symbol.asyncIterator]();
  const changing: Promise<Item>[] = [];
  let next: Promise<IteratorResult<Item>> | undefined = source.next();
  let tail: Promise<unknown> = Promise.resolve();
  try {
    while (next !== undefined || changing.length > 0) {
      const [first] = changing;
      const done: { result: IteratorResult<Item> } | { item: Item } = await Promise.race([
        ...(next === undefined ? [] : [next.then((result) => ({ result }))]),
        ...(first === undefined ? [] : [first.then((item) => ({ item }))]),
      ]);
      if ("item" in done) {
        void changing.shift(); // awaited already
        yield done.item;
        continue;
      }
      next = done.result.done === true ? undefined : source.next();
      if (done.result.done === true) continue;
      const { value } = done.result;
      const before = tail;
      const changed = change(value);
      if (changed === undefined) yield value;
      else {
        const own = before.then(() => changed);
        tail = own;
        changing.push(own);
      }
    }
  } finally {
    await source.return?.();
  }
}
