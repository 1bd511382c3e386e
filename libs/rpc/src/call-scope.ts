import type { ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import type * as grpc from "@grpc/grpc-js";
import type { CallContext } from "./handlers.ts";
import { noPeer, peerFromCertificate } from "./peer.ts";
import type { PeerIdentity } from "./peer.ts";
import { RpcCode, RpcError } from "./rpc-error.ts";

/** What a call inherits from the listener it came through. */
export interface ListenerScope {
  readonly secure: boolean;
  /** Aborts when the server starts to close. */
  readonly closing: AbortSignal;
  /** Told of every error whose text is not sent to the caller. */
  readonly onFault: (error: unknown, path: string) => void;
}

const detached: ListenerScope = { secure: false, closing: new AbortController().signal, onFault: () => {} };
const scopes = new WeakMap<object, ListenerScope>();

/** Must be called before the handler of `call` runs. */
export function enterScope(call: object, scope: ListenerScope): void {
  scopes.set(call, scope);
}

export function scopeOf(call: object): ListenerScope {
  return scopes.get(call) ?? detached;
}

type SurfaceCall = Pick<grpc.ServerUnaryCall<unknown, unknown>, "metadata" | "getPeer" | "getAuthContext" | "getPath"> &
  NodeJS.EventEmitter & { cancelled: boolean };

/** A running call: its context for the handler, and the end of its life. */
export interface CallLife {
  readonly context: CallContext;
  readonly trailers: ReadonlyMap<string, string>;
  readonly signal: AbortSignal;
  /** The caller is gone: there is nobody to send a status to. */
  readonly cancelled: () => boolean;
  /** Frees what the call holds on to; the signal aborts, so that whatever still runs for the call ends. */
  readonly finish: () => void;
}

/** `endsWithServer`: a stream, which a closing server must end; a unary call is left to finish. */
export function startLife(call: SurfaceCall, endsWithServer: boolean): CallLife {
  const abort = new AbortController();
  const scope = scopeOf(call);
  const trailers = new Map<string, string>();
  const cancel = (): void => abort.abort(new RpcError(RpcCode.CANCELLED, "the caller cancelled the call"));
  const close = (): void => abort.abort(new RpcError(RpcCode.UNAVAILABLE, "the server is closing"));
  call.once("cancelled", cancel);
  if (call.cancelled) cancel();
  if (endsWithServer) {
    if (scope.closing.aborted) close();
    else scope.closing.addEventListener("abort", close, { once: true });
  }
  const context: CallContext = {
    signal: abort.signal,
    peerAddress: peerAddressOf(call),
    peer: peerOf(call),
    secure: scope.secure,
    metadata: metadataOf(call.metadata),
    retireConnection: () => sessionOf(call)?.close(),
    setTrailer: (name, value) => void trailers.set(name, value),
  };
  const finish = (): void => {
    scope.closing.removeEventListener("abort", close);
    abort.abort(new RpcError(RpcCode.CANCELLED, "the call has ended"));
  };
  return { context, trailers, signal: abort.signal, cancelled: () => call.cancelled, finish };
}

/** Closing it sends GOAWAY and lets open streams finish. */
function sessionOf(call: object): ServerHttp2Session | undefined {
  return streamOf(call)?.session as ServerHttp2Session | undefined;
}

/** grpc-js shows nobody the HTTP/2 stream of a call; `stream-facts.test.ts` tells when it is not where it was. */
export function streamOf(call: object): ServerHttp2Stream | undefined {
  const { call: inner } = call as { readonly call?: { readonly stream?: ServerHttp2Stream } };
  return inner?.stream;
}

function peerAddressOf(call: SurfaceCall): string {
  const peer = call.getPeer();
  return peer === "unknown" ? "unix" : peer;
}

function peerOf(call: SurfaceCall): PeerIdentity {
  const certificate = call.getAuthContext().sslPeerCertificate; // absent unless the listener's roots vouch for it
  return certificate === undefined ? noPeer : peerFromCertificate(certificate.raw);
}

export function metadataOf(metadata: grpc.Metadata): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const name of Object.keys(metadata.getMap())) {
    if (!name.endsWith("-bin")) values.set(name, metadata.get(name).join(","));
  }
  return values;
}
