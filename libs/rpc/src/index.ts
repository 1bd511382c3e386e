/**
 * gRPC for every service of the suite, over grpc-js.
 *
 * Owns: services and clients typed from protobuf descriptors, back-pressure, cancellation, error to status, the
 * peer's identity, TLS with "client certificate if given" and its rotation, a bounded shutdown.
 * Never: knows a message's meaning, retries, authorizes. Handlers are plain async functions and generators, so
 * they can be tested without a server.
 *
 * Next: `serve.ts` (how a handler becomes a call), `server.ts`, `channel.ts` and `client.ts`. What grpc-js and
 * Node streams do at the edges is pinned in `stream-facts.test.ts`.
 */
export { onAbort } from "./abort.ts";
export { openChannel } from "./channel.ts";
export type { Channel, ChannelOptions, ChannelSecurity, ClientIdentity } from "./channel.ts";
export { createClient, createRawClient } from "./client.ts";
export type { CallOptions, ClientOf, ClientOptions, RawClientOf } from "./client.ts";
export type {
  BidiHandler,
  CallContext,
  ClientStreamHandler,
  HandlersOf,
  RawHandlersOf,
  RawMessage,
  ServerStreamHandler,
  UnaryHandler,
} from "./handlers.ts";
export { peerFromCertificate } from "./peer.ts";
export type { PeerIdentity } from "./peer.ts";
export { RpcCode, RpcError } from "./rpc-error.ts";
export { joinedMessage } from "./handlers.ts";
export { createGrpcServer } from "./server.ts";
export type { GrpcServer, GrpcServerOptions, ListenOptions, RpcLogger } from "./server.ts";
export { defineRawService, defineService } from "./service.ts";
export type { RpcService } from "./service.ts";
export { TlsSource } from "./tls-source.ts";
export type { TlsMaterial } from "./tls-source.ts";
