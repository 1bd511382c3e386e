import type { Intake } from "./intake/claim.ts";

/** Where a source puts what it sees. Synchronous: what one call says is taken as a whole. */
export interface Sink {
  /** What each unit says now; `undefined` for a unit that is gone. `savedAtMs`: when the user changed it. */
  take(changes: ReadonlyMap<string, Intake | undefined>, savedAtMs: number): void;
  /** Everything there is has been told once: from now on what is not there may be deleted. */
  synced(): void;
}

/** Follows a place where objects are kept. Runs on every replica, whether it leads or not. */
export interface Source {
  /** Resolves when `signal` aborts and all is closed; no trouble of the place itself ends it. */
  run(sink: Sink, signal: AbortSignal): Promise<void>;
  /** Why it cannot be followed right now; undefined while all is well. */
  problem(): string | undefined;
}
