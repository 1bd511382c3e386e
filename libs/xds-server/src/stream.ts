import { fromBinary } from "@bufbuild/protobuf";
import { NodeSchema } from "@lateen/protos/envoy/config/core/v3/base_pb.js";
import { RpcCode, RpcError } from "@lateen/rpc";
import type { BidiHandler, CallContext, RawMessage } from "@lateen/rpc";
import type { FirstAnswers } from "./first-answers.ts";
import type { XdsObserver } from "./observer.ts";
import { OnDemandWatches } from "./on-demand.ts";
import type { OnDemandSource } from "./on-demand.ts";
import type { Outcome } from "./plan.ts";
import type { ConnectedProxy } from "./proxy.ts";
import { QueryAnswerer } from "./queries.ts";
import type { QueryRequest, QuerySource } from "./queries.ts";
import type { ResourceSet } from "./resource.ts";
import { ProxySession } from "./session.ts";
import type { Push, SessionContext } from "./session.ts";
import { healthInformationType } from "./type-urls.ts";
import { Wakeup } from "./wakeup.ts";
import { InvalidRequest, decodeSotwRequest } from "./wire/request.ts";
import type { RequestCache } from "./wire/request-cache.ts";
import type { DeltaRequest, SotwRequest } from "./wire/request.ts";

/** Where a proxy's resources come from. */
export interface ResourceSource {
  /**
   * The proxy's resources now and after each change, each time all of them; a newer set replaces an older one that
   * was not sent yet. A revision that changes nothing for the proxy only moves the revision of the set it was given, and
   * so counts as accepted. Must not give a set before it knows the mesh. Ends when `signal` aborts.
   */
  watch(proxy: ConnectedProxy, signal: AbortSignal): AsyncIterable<ResourceSet>;
}

/** What streams need of their server. */
export interface StreamHost {
  readonly source: ResourceSource;
  readonly onDemand: OnDemandSource | undefined;
  readonly queries: QuerySource | undefined;
  readonly observer: XdsObserver;
  readonly sessionContext: SessionContext;
  readonly requests: RequestCache;
  readonly authorize: ((proxy: ConnectedProxy) => void | Promise<void>) | undefined;
  readonly nowMs: () => number;
  nextConnectionId(): string;
  readonly firstAnswers: FirstAnswers;
  opened(stream: Stream): void;
  closed(stream: Stream): void;
}

type Request =
  | { readonly delta: true; readonly request: DeltaRequest }
  | { readonly delta: false; readonly request: SotwRequest };

/** Serves one flavour of aggregated discovery. */
export function streamHandler(host: StreamHost, { delta }: { delta: boolean }): BidiHandler<Buffer, RawMessage> {
  return async function* serve(messages, context) {
    const requests = decodeAll(host, messages, delta);
    const first = await requests.next();
    if (first.done === true) return;
    const proxy = identify(first.value, host.nextConnectionId(), context);
    if (host.queries?.handles(first.value.request.typeUrl) === true) {
      yield* answerQueries(host.queries, proxy, first.value, requests);
      return;
    }
    if (host.firstAnswers.full) throw new RpcError(RpcCode.UNAVAILABLE, "too many proxies are waiting, try again");
    await host.authorize?.(proxy);
    const stream = new Stream(host, proxy, () => context.retireConnection?.());
    let fault: unknown;
    try {
      yield* stream.answers(first.value, requests, context.signal);
    } catch (error) {
      fault = error;
      throw error;
    } finally {
      stream.close(fault ?? (context.signal.aborted ? context.signal.reason : undefined));
    }
  };
}

/** A stream that begins with a question has no session: it is not one of the proxies. */
async function* answerQueries(
  source: QuerySource,
  asker: ConnectedProxy,
  first: Request,
  requests: AsyncIterable<Request>,
): AsyncGenerator<Buffer> {
  const answerer = new QueryAnswerer(source, asker);
  const firstAnswer = await answerer.answer(queryOf(first));
  if (firstAnswer !== undefined) yield firstAnswer;
  for await (const request of requests) {
    if (!source.handles(request.request.typeUrl)) {
      const message = `this stream asks questions; ask for ${request.request.typeUrl} on another`;
      throw new RpcError(RpcCode.INVALID_ARGUMENT, message);
    }
    const answer = await answerer.answer(queryOf(request));
    if (answer !== undefined) yield answer;
  }
}

function queryOf({ request, delta }: Request): QueryRequest {
  const { typeUrl, nonce, error } = request;
  const names = delta ? request.subscribe : request.names;
  return { typeUrl, nonce, names, ...(error !== undefined && { problem: error }) };
}

async function* decodeAll(host: StreamHost, messages: AsyncIterable<Buffer>, delta: boolean): AsyncGenerator<Request> {
  for await (const bytes of messages) {
    try {
      yield delta ? { delta, request: host.requests.decode(bytes) } : { delta, request: decodeSotwRequest(bytes) };
    } catch (error) {
      throw error instanceof InvalidRequest
        ? new RpcError(RpcCode.INVALID_ARGUMENT, error.message, { cause: error })
        : error;
    }
  }
}

function identify({ request, delta }: Request, connectionId: string, context: CallContext): ConnectedProxy {
  const node = request.node === undefined ? undefined : decodeNode(request.node);
  if (node === undefined || node.id === "") {
    throw new RpcError(RpcCode.INVALID_ARGUMENT, "the first request of a stream must carry node with an id");
  }
  const { peer, peerAddress, secure, metadata } = context;
  return { id: node.id, connectionId, node, peer, peerAddress, secure, metadata, delta, connectedAtMs: Date.now() };
}

function decodeNode(bytes: Uint8Array) {
  try {
    return fromBinary(NodeSchema, bytes);
  } catch (error) {
    throw new RpcError(RpcCode.INVALID_ARGUMENT, "node is not a valid envoy.config.core.v3.Node", { cause: error });
  }
}

/** One open stream: joins the requests, the source and the session, and reports to the observer. */
export class Stream {
  readonly #host: StreamHost;
  readonly #proxy: ConnectedProxy;
  readonly #session: ProxySession;
  readonly #wakeup = new Wakeup();
  readonly #closing = new AbortController();
  /** It has ended or failed: nothing more is made for it. */
  #gone = false;
  readonly #watches: OnDemandWatches | undefined;
  readonly #sentAtMs = new Map<string, number>();
  readonly #answerer: QueryAnswerer | undefined;
  readonly #answers: Buffer[] = [];
  #ended = false;
  #fault: { readonly error: unknown } | undefined;
  #advancedTo: bigint | undefined;
  /** It has had everything once; from then on its answers wait for nobody. */
  #served = false;
  readonly #retireConnection: () => void;

  constructor(host: StreamHost, proxy: ConnectedProxy, retireConnection: () => void) {
    this.#host = host;
    this.#retireConnection = retireConnection;
    this.#proxy = proxy;
    this.#session = new ProxySession(host.sessionContext, {
      delta: proxy.delta,
      noncePrefix: `${proxy.connectionId}-`,
      splitTables: host.sessionContext.forms?.source.supports(proxy) ?? false,
    });
    this.#watches =
      host.onDemand &&
      new OnDemandWatches({
        source: host.onDemand,
        proxy,
        session: this.#session,
        onChange: () => this.#wakeup.notify(),
        onProblem: (error) => host.observer.problem?.(proxy, error),
      });
    this.#answerer = host.queries && new QueryAnswerer(host.queries, proxy);
    host.opened(this);
    host.observer.connected?.(proxy);
  }

  /** Ends when the client stops asking; throws when the stream must fail. */
  async *answers(first: Request, requests: AsyncIterable<Request>, signal: AbortSignal): AsyncGenerator<RawMessage> {
    const abort = (): void => this.#fail(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    this.#receive(first);
    void this.#readRequests(requests);
    void this.#readSets();
    try {
      while (!this.#ended) {
        if (this.#fault !== undefined) throw this.#fault.error;
        const answer = this.#answers.shift();
        if (answer !== undefined) {
          yield answer;
          continue;
        }
        const since = this.#host.nowMs();
        const leave = this.#served ? undefined : await this.#host.firstAnswers.enter(this.#order);
        try {
          if (this.#gone) continue; // while it waited
          const push = this.#next();
          if (push !== undefined) {
            if (leave !== undefined) this.#host.observer.admitted?.(this.#proxy, this.#host.nowMs() - since);
            yield push.bytes;
            continue;
          }
        } finally {
          leave?.();
        }
        await this.#sleep();
      }
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** Streams are served in the order in which they came. */
  get #order(): number {
    return Number(this.#proxy.connectionId);
  }
  get proxy(): ConnectedProxy {
    return this.#proxy;
  }
  get session(): ProxySession {
    return this.#session;
  }
  /** It has had everything once. */
  get served(): boolean {
    return this.#served;
  }

  /** Sends the proxy to another replica: its connection takes no new stream, and this one ends. */
  handOff(): void {
    this.#retireConnection();
    this.#fail(new RpcError(RpcCode.UNAVAILABLE, "another replica takes over: connect again"));
  }

  close(fault: unknown): void {
    this.#closing.abort();
    this.#watches?.close();
    this.#host.closed(this);
    this.#host.observer.disconnected?.(this.#proxy, fault);
  }

  #next(): Push | undefined {
    const startedAtMs = this.#host.nowMs();
    const push = this.#session.next(startedAtMs);
    this.#reportProgress();
    if (push === undefined) return undefined;
    const nowMs = this.#host.nowMs();
    this.#sentAtMs.set(push.typeUrl, nowMs);
    const { typeUrl, revision, resources, bytes } = push;
    this.#host.observer.pushed?.(this.#proxy, {
      typeUrl,
      revision,
      resources,
      bytes: bytes.byteLength,
      encodeMs: nowMs - startedAtMs,
    });
    return push;
  }

  async #sleep(): Promise<void> {
    const now = this.#host.nowMs();
    const deadline = this.#session.deadlineMs(now);
    await this.#wakeup.wait(deadline === undefined ? undefined : deadline - now);
  }

  async #readRequests(requests: AsyncIterable<Request>): Promise<void> {
    try {
      for await (const request of requests) {
        this.#receive(request);
        this.#wakeup.notify();
      }
      this.#ended = true;
      this.#leave();
    } catch (error) {
      this.#fail(error);
    }
  }

  async #readSets(): Promise<void> {
    try {
      for await (const set of this.#host.source.watch(this.#proxy, this.#closing.signal)) {
        this.#session.update(set);
        this.#wakeup.notify();
      }
    } catch (error) {
      if (!this.#closing.signal.aborted) this.#fail(error);
    }
  }

  #receive(received: Request): void {
    const { typeUrl, nonce } = received.request;
    if (this.#host.queries?.handles(typeUrl) === true) {
      void this.#answer(received);
      return;
    }
    if (typeUrl === healthInformationType) this.#host.observer.healthReported?.(this.#proxy, received.request.error);
    const outcome = received.delta
      ? this.#session.receiveDelta(received.request)
      : this.#session.receiveSotw(received.request);
    this.#report(outcome, typeUrl, nonce);
    this.#watches?.follow(typeUrl);
  }

  async #answer(request: Request): Promise<void> {
    try {
      const answer = await this.#answerer?.answer(queryOf(request));
      if (answer !== undefined) this.#answers.push(answer);
      this.#wakeup.notify();
    } catch (error) {
      this.#host.observer.problem?.(this.#proxy, error); // its configuration goes on
    }
  }

  #report(outcome: Outcome, typeUrl: string, nonce: string): void {
    const { observer } = this.#host;
    if (outcome.kind === "acknowledged") {
      observer.acknowledged?.(
        this.#proxy,
        typeUrl,
        this.#host.nowMs() - (this.#sentAtMs.get(typeUrl) ?? this.#host.nowMs()),
      );
    } else if (outcome.kind === "rejected") {
      observer.rejected?.(this.#proxy, { typeUrl, nonce, message: outcome.message, resources: outcome.resources });
    }
  }

  #reportProgress(): void {
    const revision = this.#session.acknowledgedRevision;
    if (!this.#served && this.#session.hasEverything) this.#served = true;
    if (revision === undefined || revision === this.#advancedTo) return;
    this.#advancedTo = revision;
    this.#host.observer.advanced?.(this.#proxy, revision);
  }

  #fail(error: unknown): void {
    this.#fault ??= { error };
    this.#leave();
  }

  #leave(): void {
    this.#gone = true;
    this.#host.firstAnswers.forget(this.#order);
    this.#wakeup.notify();
  }
}
