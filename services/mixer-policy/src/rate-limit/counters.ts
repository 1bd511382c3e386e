import { type Limit, windowMs } from "./limits.ts";

export interface Count {
  readonly used: number;
  readonly resetMs: number;
}

/** What one replica has counted in one window: a total, so that to hear it twice, or not, does little harm. */
export interface ReplicaCount {
  readonly id: string;
  readonly endsAt: number;
  readonly used: number;
}

interface Window {
  /** Exclusive, Unix milliseconds. */
  endsAt: number;
  own: number;
  /** By replica. */
  others?: Map<string, number>;
  /** Sum of `others`. */
  elsewhere: number;
}

export interface CountersOptions {
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Above it the oldest counters go first: their callers get a new window, nobody is denied for it. */
  readonly maxCounters: number;
}

/**
 * Fixed windows aligned to the clock (a minute begins at :00), one counter a descriptor: what was counted here and what
 * other replicas said they counted. Memory is bounded; `sweep` drops ended windows.
 */
export class Counters {
  readonly #windows = new Map<string, Window>();
  readonly #changed = new Set<string>();
  readonly #options: CountersOptions;

  constructor(options: CountersOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#windows.size;
  }

  /** Adds `hits` (negative ones are given back, 0 only looks) and returns the count of the current window. */
  add(key: string, limit: Limit, hits: number): Count {
    const now = this.#options.now();
    const length = windowMs[limit.unit];
    const endsAt = now - (now % length) + length;
    const id = `${limit.unit} ${key}`; // a changed unit is another counter
    const current = this.#windows.get(id);
    if (hits === 0) return { used: current?.endsAt === endsAt ? total(current) : 0, resetMs: endsAt - now };
    const window = this.#window(id, endsAt);
    window.own = Math.max(-window.elsewhere, window.own + hits);
    this.#changed.add(id);
    return { used: total(window), resetMs: endsAt - now };
  }

  /** Own totals that changed since the last call, of windows that are not over. */
  takeChanged(): readonly ReplicaCount[] {
    const now = this.#options.now();
    const counts: ReplicaCount[] = [];
    for (const id of this.#changed) {
      const window = this.#windows.get(id);
      if (window !== undefined && window.endsAt > now) counts.push({ id, endsAt: window.endsAt, used: window.own });
    }
    this.#changed.clear();
    return counts;
  }

  /** Another replica's totals. Those of windows that are over here are ignored. */
  merge(replica: string, counts: readonly ReplicaCount[]): void {
    const now = this.#options.now();
    for (const { id, endsAt, used } of counts) {
      if (endsAt <= now) continue;
      const window = this.#window(id, endsAt);
      window.others ??= new Map();
      window.elsewhere += used - (window.others.get(replica) ?? 0);
      window.others.set(replica, used);
    }
  }

  /** Returns how many it dropped. */
  sweep(): number {
    const now = this.#options.now();
    const before = this.#windows.size;
    for (const [id, window] of this.#windows) if (window.endsAt <= now) this.#drop(id);
    return before - this.#windows.size;
  }

  #window(id: string, endsAt: number): Window {
    const current = this.#windows.get(id);
    if (current?.endsAt === endsAt) return current;
    this.#windows.delete(id); // to the end: the map's order is by age
    if (this.#windows.size >= this.#options.maxCounters) {
      const oldest = this.#windows.keys().next();
      if (!oldest.done) this.#drop(oldest.value);
    }
    const window = { endsAt, own: 0, elsewhere: 0 };
    this.#windows.set(id, window);
    return window;
  }

  #drop(id: string): void {
    this.#windows.delete(id);
    this.#changed.delete(id);
  }
}

function total(window: Window): number {
  return Math.max(0, window.own + window.elsewhere);
}
