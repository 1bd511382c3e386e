import type { Intake } from "../intake/claim.ts";

/** How long a file must be left alone before a state that looks half-written is believed. */
export const settleMs = 60;

export interface Candidate {
  readonly text: string;
  readonly intake: Intake;
  /** Keys the file claims so far. */
  readonly claimed: readonly string[];
  /** Milliseconds since the file was last written. */
  readonly ageMs: number;
}

/**
 * Whether what was read may be a file in the middle of being written: cut off (no last newline), empty, broken, or with
 * fewer objects than before. Additions and changes need not wait, losses do.
 */
export function looksHalfWritten({ text, intake, claimed, ageMs }: Candidate): boolean {
  if (ageMs >= settleMs) return false;
  const kept = new Set(intake.claims.map((claim) => claim.key));
  return !text.endsWith("\n") || intake.broken || claimed.some((key) => !kept.has(key));
}
