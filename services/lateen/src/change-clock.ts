import { formatRef, type ObjectRef } from "@lateen/model";

export interface AppliedChange {
  readonly revision: bigint;
  readonly objects: readonly ObjectRef[];
  /** When the file was saved, Unix milliseconds. */
  readonly savedAtMs: number;
}

export interface LiveChange {
  readonly revision: bigint;
  readonly objects: readonly string[];
  readonly proxies: number;
  readonly tookMs: number;
}

/** Joins what entered the mesh store with what every proxy acknowledged. No clock of its own. */
export class ChangeClock {
  #pending: AppliedChange[] = [];
  #acknowledged = 0n;

  applied(change: AppliedChange): void {
    this.#pending.push(change);
  }

  /** Changes that are live on all `proxies` as of `atMs`, oldest first; each is returned once. */
  acknowledged(revision: bigint, proxies: number, atMs: number): readonly LiveChange[] {
    if (revision > this.#acknowledged) this.#acknowledged = revision;
    const live = this.#pending.filter((change) => change.revision <= this.#acknowledged);
    this.#pending = this.#pending.filter((change) => change.revision > this.#acknowledged);
    return live.map((change) => ({
      revision: change.revision,
      objects: change.objects.map(formatRef),
      proxies,
      tookMs: Math.max(0, atMs - change.savedAtMs),
    }));
  }
}
