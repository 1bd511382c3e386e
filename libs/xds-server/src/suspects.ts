import type { Resource, ResourceMap } from "./resource.ts";

/** Refusals in a row after which whatever is still suspected counts as refused. */
const mostRefusals = 64;

interface Suspect {
  readonly version: string;
  readonly rank: number;
}

/**
 * Resources of which one at least is bad, and nobody has said which: a client refused them together without a name. They
 * are sent again in halves, one after the other, until what is refused is a single one. Pure.
 */
export class Suspects {
  readonly #ranks = new Map<string, Suspect>();
  #lowest = 0;
  #refusals = 0;

  get some(): boolean {
    return this.#ranks.size > 0;
  }

  /** Of what is to be sent: what may go now, and what waits for its turn. */
  split(changed: readonly Resource[]): { readonly now: readonly Resource[]; readonly later: readonly Resource[] } {
    if (!this.some) return { now: changed, later: none };
    const ranks = changed.map((resource) => this.#rankOf(resource));
    const first = Math.min(...ranks.filter((rank) => rank < 0), 0);
    const mayGo = (index: number): boolean => (ranks[index] ?? 0) >= 0 || ranks[index] === first;
    return { now: changed.filter((_, index) => mayGo(index)), later: changed.filter((_, index) => !mayGo(index)) };
  }

  /** What was refused without a name; returns what is guilty for certain, or has to be taken for it. */
  refused(together: readonly Resource[]): readonly Resource[] {
    this.#refusals += 1;
    if (together.length <= 1 || this.#refusals >= mostRefusals) {
      this.cleared(together);
      return together;
    }
    const middle = Math.ceil(together.length / 2);
    for (const half of [together.slice(middle), together.slice(0, middle)]) {
      this.#lowest -= 1;
      for (const { name, version } of half) this.#ranks.set(name, { version, rank: this.#lowest });
    }
    return none;
  }

  /** What was accepted, or is known to be guilty. */
  cleared(resources: readonly Pick<Resource, "name">[]): void {
    if (this.some) for (const { name } of resources) this.#ranks.delete(name);
    if (!this.some) this.#refusals = 0;
  }

  /** Versions that are not wanted any more are not suspected any more. */
  retain(goal: ResourceMap): void {
    for (const [name, { version }] of this.#ranks) if (goal.get(name)?.version !== version) this.cleared([{ name }]);
  }

  #rankOf({ name, version }: Resource): number {
    const suspect = this.#ranks.get(name);
    return suspect?.version === version ? suspect.rank : 0;
  }
}

const none: readonly Resource[] = [];
