import { addAbortListener } from "node:events";
import type { DescMessage, DescMethod, MessageShape } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import { abandon, orAborted } from "./abort.ts";
import { metadataOf } from "./call-scope.ts";
import type { Channel } from "./channel.ts";
import type { AnyService } from "./handlers.ts";
import { RpcError, codeName } from "./rpc-error.ts";
import type { RpcCode } from "./rpc-error.ts";
import { messageCodec, methodDefinition, rawCodec } from "./service.ts";
import type { Codec } from "./service.ts";

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly metadata?: Readonly<Record<string, string>>;
  /** The whole call must end within this time. */
  readonly timeoutMs?: number;
  /** Wait for a connection instead of failing at once while there is none. Combine with a timeout or a signal. */
  readonly waitForReady?: boolean;
}

export interface ClientOptions {
  /** Metadata of every call, asked anew each time: the place for a token that is renewed on disk. */
  readonly metadata?: () => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>;
}

interface MethodByKind<I, O> {
  readonly unary: (request: I, options?: CallOptions) => Promise<O>;
  readonly server_streaming: (request: I, options?: CallOptions) => AsyncIterable<O>;
  readonly client_streaming: (requests: AsyncIterable<I>, options?: CallOptions) => Promise<O>;
  readonly bidi_streaming: (requests: AsyncIterable<I>, options?: CallOptions) => AsyncIterable<O>;
}

type Kind = keyof MethodByKind<unknown, unknown>;
interface Shape<K extends Kind, I extends DescMessage, O extends DescMessage> {
  readonly methodKind: K;
  readonly input: I;
  readonly output: O;
}

/** Streams start when they are iterated and are cancelled when the loop is left. Failures reject with RpcError. */
export type ClientOf<S extends AnyService> = {
  readonly [K in keyof S["method"]]: S["method"][K] extends Shape<infer M, infer I, infer O>
    ? MethodByKind<MessageShape<I>, MessageShape<O>>[M]
    : never;
};

export type RawClientOf<S extends AnyService> = {
  readonly [K in keyof S["method"]]: S["method"][K] extends Shape<infer M, DescMessage, DescMessage>
    ? MethodByKind<Buffer, Buffer>[M]
    : never;
};

export function createClient<S extends AnyService>(
  descriptor: S,
  channel: Channel,
  options: ClientOptions = {},
): ClientOf<S> {
  return methodsOf(descriptor, channel, { codec: messageCodec, options }) as ClientOf<S>;
}

/** Messages stay encoded: for relays. */
export function createRawClient<S extends AnyService>(
  descriptor: S,
  channel: Channel,
  options: ClientOptions = {},
): RawClientOf<S> {
  return methodsOf(descriptor, channel, { codec: rawCodec, options }) as RawClientOf<S>;
}

interface Binding {
  readonly codec: Codec;
  readonly options: ClientOptions;
}

function methodsOf(descriptor: AnyService, channel: Channel, binding: Binding): Record<string, unknown> {
  return Object.fromEntries(
    descriptor.methods.map((method) => [method.localName, callerOf(method, channel.client, binding)]),
  );
}

function callerOf(method: DescMethod, client: grpc.Client, { codec, options }: Binding): unknown {
  const definition = methodDefinition(method, codec);
  const { path, requestSerialize: encode, responseDeserialize: decode } = definition;
  const prepare = (call: CallOptions): Promise<Prepared> => prepareCall(call, options);
  switch (method.methodKind) {
    case "unary":
      return async (request: unknown, call: CallOptions = {}) => {
        const { metadata, deadline } = await prepare(call);
        return await single(call.signal, (done) =>
          client.makeUnaryRequest(path, encode, decode, request, metadata, deadline, done),
        );
      };
    case "client_streaming":
      return async (requests: AsyncIterable<unknown>, call: CallOptions = {}) => {
        const { metadata, deadline } = await prepare(call);
        return await single(call.signal, (done, signal) => {
          const stream = client.makeClientStreamRequest(path, encode, decode, metadata, deadline, done);
          void pump(requests, stream, signal).catch(() => stream.cancel());
          return stream;
        });
      };
    case "server_streaming":
      return (request: unknown, call: CallOptions = {}) =>
        received(call.signal, async () => {
          const { metadata, deadline } = await prepare(call);
          return { stream: client.makeServerStreamRequest(path, encode, decode, request, metadata, deadline) };
        });
    case "bidi_streaming":
      return (requests: AsyncIterable<unknown>, call: CallOptions = {}) =>
        received(call.signal, async () => {
          const { metadata, deadline } = await prepare(call);
          const stream = client.makeBidiStreamRequest(path, encode, decode, metadata, deadline);
          return { stream, send: (signal) => pump(requests, stream, signal) };
        });
  }
}

interface Prepared {
  readonly metadata: grpc.Metadata;
  readonly deadline: grpc.CallOptions;
}

async function prepareCall(call: CallOptions, options: ClientOptions): Promise<Prepared> {
  call.signal?.throwIfAborted();
  const metadata = new grpc.Metadata({ waitForReady: call.waitForReady ?? false });
  const values = { ...(await options.metadata?.()), ...call.metadata };
  for (const [name, value] of Object.entries(values)) metadata.set(name, value);
  return { metadata, deadline: call.timeoutMs === undefined ? {} : { deadline: Date.now() + call.timeoutMs } };
}

type Done = (error: grpc.ServiceError | null, response?: unknown) => void;

async function single(
  signal: AbortSignal | undefined,
  start: (done: Done, signal: AbortSignal) => { cancel(): void },
): Promise<unknown> {
  const ended = new AbortController();
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const call = start((error, response) => (error ? reject(fromStatus(error)) : resolve(response)), ended.signal);
  using _onAbort = signal && addAbortListener(signal, () => call.cancel());
  try {
    return await promise;
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    ended.abort();
  }
}

interface Started {
  readonly stream: grpc.ClientReadableStream<unknown> | grpc.ClientDuplexStream<unknown, unknown>;
  readonly send?: (signal: AbortSignal) => Promise<void>;
}

async function* received(signal: AbortSignal | undefined, start: () => Promise<Started>): AsyncGenerator<unknown> {
  const { stream, send } = await start();
  const ended = new AbortController();
  using _onAbort = signal && addAbortListener(signal, () => stream.cancel());
  let sendFault: unknown;
  send?.(ended.signal).catch((error: unknown) => {
    if (ended.signal.aborted) return;
    sendFault = error;
    stream.cancel();
  });
  try {
    yield* stream.iterator({ destroyOnReturn: false }) as AsyncIterable<unknown>;
  } catch (error) {
    signal?.throwIfAborted();
    throw sendFault ?? fromStatus(error);
  } finally {
    ended.abort();
    stream.on("error", () => {}); // cancelling reports itself as an error nobody waits for
    stream.cancel();
  }
}

interface WritableCall {
  write(message: unknown, callback: (error?: Error | null) => void): boolean;
  end(): void;
}

/** Sends one message at a time. grpc-js drops the callback of a write on a dead call; `signal` ends the wait. */
async function pump(requests: AsyncIterable<unknown>, stream: WritableCall, signal: AbortSignal): Promise<void> {
  const iterator = requests[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await orAborted(iterator.next(), signal);
      if (next.done === true) break;
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      stream.write(next.value, (error) => (error ? reject(error) : resolve()));
      await orAborted(promise, signal);
    }
    stream.end();
  } catch (error) {
    abandon(iterator);
    throw error;
  }
}

function fromStatus(error: unknown): unknown {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "number") return error;
  const status = error as grpc.ServiceError;
  return new RpcError(status.code as number as RpcCode, status.details || codeName(status.code), {
    cause: error,
    trailers: status.metadata === undefined ? new Map() : metadataOf(status.metadata),
  });
}
