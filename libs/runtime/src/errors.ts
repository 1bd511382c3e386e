/** Codes of the faults this package throws. A code is never reused for another meaning. */
export const runtimeCodes = {
  configInvalid: "config_invalid",
  componentEnded: "component_ended",
  shutdownTimeout: "shutdown_timeout",
} as const;

export interface MeshErrorOptions {
  /** What led to it: logged, never sent to a peer. */
  readonly cause?: unknown;
}

/** A fault with a stable code. Users' mistakes are values (`Violation`), not this. Edges map `code` to gRPC or HTTP. */
export class MeshError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options: MeshErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
  }
}

/** Anything thrown, as an Error. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
