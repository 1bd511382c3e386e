import { setImmediate } from "node:timers/promises";
import * as grpc from "@grpc/grpc-js";
import { abandon, orAborted } from "./abort.ts";
import { scopeOf, startLife, streamOf } from "./call-scope.ts";
import type { CallLife } from "./call-scope.ts";
import type { BidiHandler, ClientStreamHandler, RawMessage, ServerStreamHandler, UnaryHandler } from "./handlers.ts";
import { RpcCode, RpcError } from "./rpc-error.ts";

/**
 * A slow reader slows the handler, a cancelled call aborts it, a throw becomes a status with trailers.
 * What is returned never throws and never leaves a rejection behind: grpc-js would not catch it.
 */
export function serveBidi<I, O>(handler: BidiHandler<I, O>): grpc.handleBidiStreamingCall<I, O> {
  return (call) => {
    const life = startLife(call, true);
    void sendAll(call, life, () => handler(requestsOf(call, life), life.context));
  };
}

export function serveServerStream<I, O>(handler: ServerStreamHandler<I, O>): grpc.handleServerStreamingCall<I, O> {
  return (call) => {
    const life = startLife(call, true);
    void sendAll(call, life, () => handler(call.request, life.context));
  };
}

export function serveClientStream<I, O>(handler: ClientStreamHandler<I, O>): grpc.handleClientStreamingCall<I, O> {
  return (call, callback) => {
    const life = startLife(call, true);
    call.on("error", () => {}); // a destroyed stream may report itself; the handler sees it through its requests
    void answer(call, life, { callback, run: () => handler(requestsOf(call, life), life.context) });
  };
}

export function serveUnary<I, O>(handler: UnaryHandler<I, O>): grpc.handleUnaryCall<I, O> {
  return (call, callback) => {
    const life = startLife(call, false);
    void answer(call, life, { callback, run: () => handler(call.request, life.context) });
  };
}

type WritableCall<O> = grpc.ServerWritableStream<unknown, O> | grpc.ServerDuplexStream<unknown, O>;
type AnyCall = { getPath(): string };

async function sendAll<O>(call: WritableCall<O>, life: CallLife, start: () => AsyncIterable<O>): Promise<void> {
  let responses: AsyncIterator<O> | undefined;
  try {
    responses = start()[Symbol.asyncIterator]();
    for (;;) {
      const next = await orAborted(responses.next(), life.signal);
      if (next.done === true) break;
      await written(call, next.value, life.signal);
    }
    life.signal.throwIfAborted();
    call.end(toMetadata(life.trailers));
  } catch (error) {
    abandon(responses);
    fail(call, life, error);
  } finally {
    life.finish();
  }
}

/** Sends the status of a failed stream. Not `destroy(error)`: that skips the trailers. */
function fail(call: WritableCall<never>, life: CallLife, error: unknown): void {
  if (life.cancelled()) return;
  call.emit("error", toStatus(call, life.signal.aborted ? life.signal.reason : error));
}

interface Answer<O> {
  readonly callback: grpc.sendUnaryData<O>;
  readonly run: () => Promise<O>;
}

async function answer<O>(call: AnyCall, life: CallLife, { callback, run }: Answer<O>): Promise<void> {
  try {
    const response = await orAborted(run(), life.signal);
    callback(null, response, toMetadata(life.trailers));
  } catch (error) {
    if (!life.cancelled()) callback(toStatus(call, life.signal.aborted ? life.signal.reason : error));
  } finally {
    life.finish();
  }
}

/**
 * The caller's messages. A broken call ends them with the reason instead of Node's "premature close"; a handler
 * that stops reading does not end the call.
 */
async function* requestsOf<I>(
  call: grpc.ServerReadableStream<I, unknown> | grpc.ServerDuplexStream<I, unknown>,
  life: CallLife,
): AsyncGenerator<I> {
  try {
    yield* call.iterator({ destroyOnReturn: false }) as AsyncIterable<I>;
    await setImmediate(); // a cancelled HTTP/2 stream first looks like a regular end
    life.signal.throwIfAborted();
  } catch (error) {
    life.signal.throwIfAborted();
    throw new RpcError(RpcCode.CANCELLED, "the call broke", { cause: error });
  }
}

/** One message in flight. grpc-js never calls back a write once the call is cancelled, so an abort ends the wait. */
async function written<O>(call: WritableCall<O>, message: O, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const done = (error?: Error | null): void => (error ? reject(error) : resolve());
  if (!writtenInPieces(call, message, done)) call.write(message, done);
  return await orAborted(promise, signal);
}

/**
 * grpc-js copies each message into a buffer of its own behind five bytes: of what a thousand proxies are sent, a thousand
 * copies wait for slow readers. Pieces go to the HTTP/2 stream as they are.
 */
function writtenInPieces<O>(call: WritableCall<O>, message: O, done: (error?: Error | null) => void): boolean {
  const { pieces, byteLength } = message as Partial<RawMessage>;
  const stream = pieces === undefined ? undefined : streamOf(call);
  if (pieces === undefined || byteLength === undefined || stream === undefined || stream.destroyed) return false;
  sendHeadOnce(call);
  const frame = Buffer.alloc(frameHeadLength); // not compressed
  frame.writeUInt32BE(byteLength, 1);
  stream.cork();
  stream.write(frame);
  for (const piece of pieces.slice(0, -1)) stream.write(piece);
  stream.write(pieces.at(-1) ?? Buffer.alloc(0), done);
  stream.uncork();
  return true;
}

const frameHeadLength = 5;

const headSent = new WeakSet<object>();

/** Of several, grpc-js sends the first one. */
function sendHeadOnce(call: WritableCall<unknown>): void {
  if (headSent.has(call)) return;
  headSent.add(call);
  call.sendMetadata(new grpc.Metadata());
}

function toStatus(call: AnyCall, thrown: unknown): Partial<grpc.StatusObject> & Error {
  const error = RpcError.from(thrown);
  if (error.code === RpcCode.INTERNAL || error.code === RpcCode.UNKNOWN) {
    scopeOf(call).onFault(error.cause ?? error, call.getPath());
  }
  return Object.assign(new Error(error.message), {
    code: error.code as number as grpc.status,
    details: error.message.toWellFormed(), // grpc-js escapes it with encodeURI, which throws on a lone surrogate
    metadata: toMetadata(error.trailers),
  });
}

function toMetadata(values: ReadonlyMap<string, string>): grpc.Metadata {
  const metadata = new grpc.Metadata();
  for (const [name, value] of values) metadata.set(name, value);
  return metadata;
}
