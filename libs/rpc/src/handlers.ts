import type { DescMessage, DescService, MessageShape } from "@bufbuild/protobuf";
import type { PeerIdentity } from "./peer.ts";

/** What a handler knows about its call besides the messages. */
export interface CallContext {
  /** Aborts when the caller cancels, its deadline passes, the connection breaks, or the server closes a stream. */
  readonly signal: AbortSignal;
  /** `ip:port`, or `unix` for a Unix socket. */
  readonly peerAddress: string;
  readonly peer: PeerIdentity;
  /** The call came over TLS, whether or not the caller showed a certificate. */
  readonly secure: boolean;
  /** Request metadata by lower-case name; several values are joined by `,`; binary ones are left out. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Tells the caller to take another connection for its next call; calls that run go on. */
  retireConnection?(): void;
  /** Adds trailing metadata to an OK status. */
  setTrailer?(name: string, value: string): void;
}

export type UnaryHandler<I, O> = (request: I, context: CallContext) => Promise<O>;
export type ServerStreamHandler<I, O> = (request: I, context: CallContext) => AsyncIterable<O>;
export type ClientStreamHandler<I, O> = (requests: AsyncIterable<I>, context: CallContext) => Promise<O>;
export type BidiHandler<I, O> = (requests: AsyncIterable<I>, context: CallContext) => AsyncIterable<O>;

type Kind = "unary" | "server_streaming" | "client_streaming" | "bidi_streaming";

interface HandlerByKind<I, O> {
  readonly unary: UnaryHandler<I, O>;
  readonly server_streaming: ServerStreamHandler<I, O>;
  readonly client_streaming: ClientStreamHandler<I, O>;
  readonly bidi_streaming: BidiHandler<I, O>;
}

interface MethodShape<K extends Kind, I extends DescMessage, O extends DescMessage> {
  readonly methodKind: K;
  readonly input: I;
  readonly output: O;
}

/** A generated service descriptor; only such a one has types for its methods. */
export type AnyService = Omit<DescService, "method"> & {
  readonly method: Record<string, MethodShape<Kind, DescMessage, DescMessage>>;
};

/** One handler for every method of the service, by its local name. */
export type HandlersOf<S extends AnyService> = {
  readonly [K in keyof S["method"]]: S["method"][K] extends MethodShape<infer M, infer I, infer O>
    ? HandlerByKind<MessageShape<I>, MessageShape<O>>[M]
    : never;
};

/**
 * An encoded message, or something that writes itself into the buffer it is sent from: one made of parts that many calls
 * share need not be joined for each of them. A Buffer is one.
 */
export interface RawMessage {
  readonly byteLength: number;
  copy(target: Buffer, at: number): unknown;
  /**
   * The message, one after the other, where these are few: then they go out as they are, without being copied, and must
   * never change. Calls that are sent the same one share it until the kernel has it.
   */
  readonly pieces?: readonly Uint8Array[] | undefined;
}

export function joinedMessage(message: RawMessage): Buffer {
  const whole = Buffer.allocUnsafe(message.byteLength);
  message.copy(whole, 0);
  return whole;
}

/** The same with messages as their encoded bytes. */
export type RawHandlersOf<S extends AnyService> = {
  readonly [K in keyof S["method"]]: S["method"][K] extends MethodShape<infer M, DescMessage, DescMessage>
    ? HandlerByKind<Buffer, RawMessage>[M]
    : never;
};

/** Any handler, where the method's kind is known only as data. */
export type AnyHandler = (input: never, context: CallContext) => Promise<unknown> | AsyncIterable<unknown>;
