/** Codes of the faults this package throws. A code is never reused for another meaning. */
export const citadelCodes = {
  /** A key store lacks a part of the CA. */
  caIncomplete: "ca_incomplete",
  /** The CA has not been loaded (yet). */
  caNotReady: "ca_not_ready",
  /** Files that must be secret are readable by others. */
  keyExposed: "key_exposed",
} as const;
