/** Codes of the faults of a store. A code is never reused for another meaning. */
export type MeshStoreCode =
  | "invalid_key"
  | "value_too_large"
  | "store_unavailable"
  | "store_closed"
  | "store_conflict"
  | "store_misconfigured";

export class MeshStoreError extends Error {
  readonly code: MeshStoreCode;

  constructor(code: MeshStoreCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "MeshStoreError";
    this.code = code;
  }
}
