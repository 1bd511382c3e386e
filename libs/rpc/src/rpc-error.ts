/** gRPC's status codes, by name. */
export const RpcCode = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;
export type RpcCode = (typeof RpcCode)[keyof typeof RpcCode];

/**
 * A call's failure, on both sides of the wire. A handler throws it to choose the status; a client's promise or
 * iterator rejects with it. `message` travels, `cause` is logged where it arose and never sent.
 */
export class RpcError extends Error {
  override readonly name = "RpcError";
  readonly code: RpcCode;
  /** Trailing metadata of a received status; empty on the sending side. */
  readonly trailers: ReadonlyMap<string, string>;

  constructor(
    code: RpcCode,
    message: string,
    options: { cause?: unknown; trailers?: ReadonlyMap<string, string> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.trailers = options.trailers ?? new Map();
  }

  /** The only catch-all: what a handler threw, as the status to send. An unknown error's text stays here. */
  static from(error: unknown): RpcError {
    if (error instanceof RpcError) return error;
    if (error instanceof Error && error.name === "AbortError") {
      return new RpcError(RpcCode.CANCELLED, "the call was cancelled", { cause: error });
    }
    return new RpcError(RpcCode.INTERNAL, "internal error", { cause: error });
  }
}

/** `PERMISSION_DENIED` for 7; for logs. */
export function codeName(code: number): string {
  return Object.entries(RpcCode).find(([, value]) => value === code)?.[0] ?? `CODE_${code}`;
}
