import { namedIn } from "./rejection.ts";
import type { Resource, ResourceMap } from "./resource.ts";
import { Suspects } from "./suspects.ts";

interface Quarantined {
  readonly version: string;
  /** What the client has in its place. */
  readonly good: Resource | undefined;
}

/**
 * What a client refused: that version of a resource is not sent again. Where a delta client does not name what it
 * refuses, it is found by halves: `Suspects`. Pure.
 */
export class Quarantine {
  readonly #refused = new Map<string, Quarantined>();
  readonly #suspects = new Suspects();
  #message = "";

  /** Some resource is refused, or suspected of being the one. */
  get some(): boolean {
    return this.#refused.size > 0 || this.#suspects.some;
  }

  get empty(): boolean {
    return this.#refused.size === 0;
  }

  /** The last refusal while any of it stands. */
  get message(): string | undefined {
    return this.empty ? undefined : this.#message;
  }

  holds({ name, version }: Resource): boolean {
    return this.#refused.get(name)?.version === version;
  }

  /** Undefined where nothing of the name is refused. */
  of(name: string): Quarantined | undefined {
    return this.#refused.get(name);
  }

  /** Which of `changed`, refused together, are to blame, as far as that is known: these are to be added. */
  guilty(changed: readonly Resource[], message: string, delta: boolean): readonly Resource[] {
    this.#message = message;
    const named = namedIn(message, changed);
    const guilty = named.length > 0 ? named : delta ? this.#suspects.refused(changed) : changed;
    this.#suspects.cleared(guilty);
    return guilty;
  }

  add({ name, version }: Resource, good: Resource | undefined): void {
    this.#refused.set(name, { version, good });
  }

  accepted(resources: readonly Resource[]): void {
    this.#suspects.cleared(resources);
  }

  /** Ends for what has changed or gone since it was refused; returns what the client has of that. */
  release(goal: ResourceMap): readonly (readonly [name: string, good: Resource | undefined])[] {
    this.#suspects.retain(goal);
    const released = [...this.#refused].filter(([name, { version }]) => goal.get(name)?.version !== version);
    for (const [name] of released) this.#refused.delete(name);
    return released.map(([name, { good }]) => [name, good] as const);
  }

  /** Of what is to be sent: what may go now, and what waits for its turn. */
  split(changed: readonly Resource[]): ReturnType<Suspects["split"]> {
    return this.#suspects.split(changed);
  }

  forget(name: string): void {
    this.#refused.delete(name);
  }

  forgetAllBut(names: ReadonlySet<string>): void {
    for (const name of [...this.#refused.keys()]) if (!names.has(name)) this.#refused.delete(name);
  }
}
