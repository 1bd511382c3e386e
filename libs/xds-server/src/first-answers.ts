export interface FirstAnswersOptions {
  /** First answers under way at one time, at least and at most; between them the event loop's lag decides. */
  readonly limits?: { readonly least: number; readonly most: number };
  /** Streams that may wait; default 20,000. */
  readonly capacity?: number;
  /** One that is not read after this long no longer counts: a slow proxy holds up nobody. Default 1,000. */
  readonly giveUpMs?: number;
  readonly nowMs?: () => number;
}

interface Waiting {
  readonly order: number;
  readonly admit: (leave: () => void) => void;
}

const defaults = { least: 8, most: 64 };
const noTurn = (): void => {};
const lagCheckMs = 20;
/** A loop that is this late has more to do than it can; one that is less late has room. */
const late = { muchMs: 60, littleMs: 25 };

/**
 * Lets the answers of proxies that have nothing yet out at the rate the machine bears: those that connected first go
 * first, and so get all of theirs before later ones begin. What is under way, and so memory, is bounded. Proxies that have
 * their configuration are never asked to wait here, so a storm does not hold up changes for them.
 */
export class FirstAnswers {
  readonly #least: number;
  readonly #most: number;
  readonly #capacity: number;
  readonly #giveUpMs: number;
  readonly #nowMs: () => number;
  /** Ordered by who came first. */
  readonly #waiting: Waiting[] = [];
  #limit: number;
  #underWay = 0;
  #pacer: NodeJS.Timeout | undefined;

  constructor(options: FirstAnswersOptions = {}) {
    const { least, most } = options.limits ?? defaults;
    [this.#least, this.#most, this.#limit] = [least, most, Math.min(most, least * 2)];
    this.#capacity = options.capacity ?? 20_000;
    this.#giveUpMs = options.giveUpMs ?? 1_000;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  get waiting(): number {
    return this.#waiting.length;
  }
  get underWay(): number {
    return this.#underWay;
  }
  /** No more streams can be taken up now. */
  get full(): boolean {
    return this.#waiting.length >= this.#capacity;
  }

  /** Resolves when it is the turn of the stream that came as the `order`th; what it gives is to be called afterwards. */
  enter(order: number): Promise<() => void> {
    const { promise, resolve } = Promise.withResolvers<() => void>();
    const at = this.#waiting.findLastIndex((other) => other.order < order) + 1;
    this.#waiting.splice(at, 0, { order, admit: resolve });
    this.#admit();
    return promise;
  }

  /** A stream that goes before its turn leaves the queue, and its wait ends; where it does not wait, nothing happens. */
  forget(order: number): void {
    const at = this.#waiting.findIndex((waiting) => waiting.order === order);
    const [gone] = at < 0 ? [] : this.#waiting.splice(at, 1);
    gone?.admit(noTurn);
  }

  #admit(): void {
    while (this.#underWay < this.#limit) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#underWay++;
      next.admit(this.#leaver());
    }
    if (this.#waiting.length > 0) this.#pace();
  }

  #leaver(): () => void {
    let left = false;
    const leave = (): void => {
      if (left) return;
      left = true;
      clearTimeout(patience);
      this.#underWay--;
      this.#admit();
    };
    const patience = setTimeout(leave, this.#giveUpMs).unref();
    return leave;
  }

  /** While somebody waits: fewer at a time when the event loop falls behind, more when it does not. */
  #pace(): void {
    if (this.#pacer !== undefined) return;
    let expectedMs = this.#nowMs() + lagCheckMs;
    this.#pacer = setInterval(() => {
      const lagMs = this.#nowMs() - expectedMs;
      expectedMs = this.#nowMs() + lagCheckMs;
      if (lagMs > late.muchMs) this.#limit = Math.max(this.#least, Math.floor(this.#limit * 0.75));
      else if (lagMs < late.littleMs) this.#limit = Math.min(this.#most, this.#limit + 4);
      if (this.#waiting.length === 0) {
        clearInterval(this.#pacer);
        this.#pacer = undefined;
      } else this.#admit();
    }, lagCheckMs).unref();
  }
}
