export interface SeriesTableOptions {
  readonly maxSeries: number;
  /** Unused for this long, a series is dropped. */
  readonly idleMs: number;
  readonly now: () => number;
  readonly onOverflow: () => void;
}

/** Series by label tuple, bounded: beyond the bound, and after idle ones went, new tuples share one series `other`. */
export class SeriesTable<S> {
  readonly #rows = new Map<string, { series: S; usedAt: number }>();
  readonly #options: SeriesTableOptions;
  #nextSweep = 0;

  constructor(options: SeriesTableOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#rows.size;
  }

  /** `create` is called for a key not seen yet: with false for a series of its own, true for the shared one. */
  get(key: string, create: (shared: boolean) => S): S {
    const now = this.#options.now();
    const row = this.#rows.get(key);
    if (row !== undefined) {
      row.usedAt = now;
      return row.series;
    }
    const shared = this.#rows.size >= this.#options.maxSeries && !this.#madeRoom(now);
    if (shared) this.#options.onOverflow();
    return shared ? this.#add("other", now, () => create(true)) : this.#add(key, now, () => create(false));
  }

  series(): Iterable<S> {
    return [...this.#rows.values()].map((row) => row.series);
  }

  /** Drops what is idle. */
  sweep(): void {
    const oldest = this.#options.now() - this.#options.idleMs;
    for (const [key, row] of this.#rows) if (row.usedAt < oldest) this.#rows.delete(key);
  }

  /** Looks at most once in a tenth of the idle time: a full table must not be walked for every entry. */
  #madeRoom(now: number): boolean {
    if (now < this.#nextSweep) return false;
    this.#nextSweep = now + this.#options.idleMs / 10;
    this.sweep();
    return this.#rows.size < this.#options.maxSeries;
  }

  #add(key: string, now: number, create: () => S): S {
    const series = this.#rows.get(key)?.series ?? create();
    this.#rows.set(key, { series, usedAt: now });
    return series;
  }
}
