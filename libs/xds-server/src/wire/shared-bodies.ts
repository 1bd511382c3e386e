/** Uses after which a body is worth keeping joined. */
const worthKeeping = 3;

interface Body {
  uses: number;
}

/**
 * Bodies of answers in one piece, for what is sent to many; at most `capacity` bytes of them, the least recently used
 * go first. What only a few get stays in its parts, which are shared anyway.
 */
export class SharedBodies {
  readonly #capacity: number;
  readonly #bodies = new WeakMap<object, Body>();
  readonly #joined = new Map<object, Buffer>();
  #bytes = 0;

  constructor(capacity = 32 * 1024 * 1024) {
    this.#capacity = capacity;
  }

  /** The body made of `key`: its parts, of which `parts` gives them all. */
  partsOf(key: object, parts: () => readonly Buffer[]): readonly Buffer[] {
    const joined = this.#joined.get(key);
    if (joined !== undefined) {
      this.#joined.delete(key);
      this.#joined.set(key, joined);
      return [joined];
    }
    const body = this.#bodies.get(key) ?? { uses: 0 };
    this.#bodies.set(key, body);
    if (++body.uses < worthKeeping) return parts();
    return [this.#keep(key, Buffer.concat(parts()))];
  }

  #keep(key: object, joined: Buffer): Buffer {
    this.#joined.set(key, joined);
    this.#bytes += joined.length;
    for (const [oldest, bytes] of this.#joined) {
      if (this.#bytes <= this.#capacity) break;
      this.#joined.delete(oldest);
      this.#bytes -= bytes.length;
    }
    return joined;
  }
}
