import type { Intake } from "../intake/claim.ts";

/** How long a file that is gone must stay away before that is believed. */
export const goneMs = 60;
const cutOffMs = 60;
const emptyMs = 1_000;

export interface Candidate {
  readonly text: string;
  readonly intake: Intake;
  /** Keys the file claims so far. */
  readonly claimed: readonly string[];
}

/**
 * For how long after the last write what was read may be a file in the middle of being written: cut off (no last newline),
 * broken, or with fewer objects than before, for a moment; emptied of all it said, as an editor does before it writes, for
 * as long as a machine may hold that editor up. Additions and changes need not wait, losses do.
 */
export function doubtMs({ text, intake, claimed }: Candidate): number {
  if (text === "" && claimed.length > 0) return emptyMs;
  const kept = new Set(intake.claims.map((claim) => claim.key));
  const isDoubtful = !text.endsWith("\n") || intake.broken || claimed.some((key) => !kept.has(key));
  return isDoubtful ? cutOffMs : 0;
}
