import { fromBinary, toBinary } from "@bufbuild/protobuf";
import type { DescMessage, DescMethod, Message } from "@bufbuild/protobuf";
import type * as grpc from "@grpc/grpc-js";
import type { AnyHandler, AnyService, HandlersOf, RawHandlersOf } from "./handlers.ts";
import { serveBidi, serveClientStream, serveServerStream, serveUnary } from "./serve.ts";

/** A service with its handlers, ready to be added to a server. */
export interface RpcService {
  readonly definition: grpc.ServiceDefinition;
  readonly implementation: grpc.UntypedServiceImplementation;
}

/** Handlers receive and return protobuf messages. */
export function defineService<S extends AnyService>(descriptor: S, handlers: HandlersOf<S>): RpcService {
  return define(descriptor, handlers as Record<string, AnyHandler>, messageCodec);
}

/** Handlers receive and return encoded messages; nothing is decoded, encoded or copied on their behalf. */
export function defineRawService<S extends AnyService>(descriptor: S, handlers: RawHandlersOf<S>): RpcService {
  return define(descriptor, handlers as Record<string, AnyHandler>, rawCodec);
}

export interface Codec {
  encoder(descriptor: DescMessage): (message: unknown) => Buffer;
  decoder(descriptor: DescMessage): (bytes: Buffer) => unknown;
}

export const messageCodec: Codec = {
  encoder: (descriptor) => (message) => asBuffer(toBinary(descriptor, message as Message)),
  decoder: (descriptor) => (bytes) => fromBinary(descriptor, bytes),
};

export const rawCodec: Codec = {
  encoder: () => (message) => message as Buffer, // grpc-js asks of it only what a RawMessage has
  decoder: () => (bytes) => bytes,
};

/** How grpc-js names and codes one method; the same for both sides. */
export function methodDefinition(method: DescMethod, codec: Codec): grpc.MethodDefinition<unknown, unknown> {
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming",
    responseStream: method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming",
    requestSerialize: codec.encoder(method.input),
    requestDeserialize: codec.decoder(method.input),
    responseSerialize: codec.encoder(method.output),
    responseDeserialize: codec.decoder(method.output),
  };
}

function define(descriptor: AnyService, handlers: Record<string, AnyHandler>, codec: Codec): RpcService {
  const definition: Record<string, grpc.MethodDefinition<unknown, unknown>> = {};
  const implementation: grpc.UntypedServiceImplementation = {};
  for (const method of descriptor.methods) {
    definition[method.localName] = methodDefinition(method, codec);
    const handler = handlers[method.localName];
    if (handler !== undefined) implementation[method.localName] = serve(method, handler);
  }
  return { definition, implementation };
}

function serve(method: DescMethod, handler: AnyHandler): grpc.UntypedHandleCall {
  switch (method.methodKind) {
    case "unary":
      return serveUnary(handler as never);
    case "server_streaming":
      return serveServerStream(handler as never);
    case "client_streaming":
      return serveClientStream(handler as never);
    case "bidi_streaming":
      return serveBidi(handler as never);
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
