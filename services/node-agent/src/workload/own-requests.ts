/** Requests of the agent itself, which travel on the stream of its Envoy. */
export class OwnRequests {
  readonly #queue: Buffer[] = [];
  #wake = Promise.withResolvers<void>();

  push(request: Buffer): void {
    this.#queue.push(request);
    this.#wake.resolve();
  }

  /** Envoy's requests and the agent's, as they come, but Envoy's first: it says who both are. Ends with Envoy's. */
  async *mergedInto(requests: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    const iterator = requests[Symbol.asyncIterator]();
    const first = await iterator.next();
    if (first.done === true) return;
    yield first.value;
    let next = iterator.next();
    for (;;) {
      this.#wake = Promise.withResolvers<void>();
      for (let own = this.#queue.shift(); own !== undefined; own = this.#queue.shift()) yield own;
      const request = await Promise.race([next, this.#wake.promise]);
      if (request === undefined) continue;
      if (request.done === true) return;
      next = iterator.next();
      yield request.value;
    }
  }
}
