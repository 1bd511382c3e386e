import { once } from "node:events";
import { createServer as createHttpServer, type IncomingHttpHeaders } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import { createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { createServer as createTlsServer, type Server as TlsServer, type TLSSocket } from "node:tls";

/** What a sample answers: who it is and what reached it. */
export interface SampleAnswer {
  readonly app: string;
  readonly version: string;
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** 1.1 or 2.0 */
  readonly protocol: string;
  /** Where the request came over TLS: its version, the name asked for, and the caller's names as Node prints them. */
  readonly tls?: { readonly version: string; readonly serverName: string; readonly peerNames: string };
}

export interface SampleTls {
  readonly certificate: string;
  readonly privateKey: string;
  /** PEM of the root that callers' certificates must have; without it callers need none. */
  readonly clientRoot?: string;
}

export interface SampleOptions {
  readonly app: string;
  readonly version: string;
  readonly port: number;
  /** Default 127.0.0.1. */
  readonly address?: string;
  /** Then connections may be TLS too. */
  readonly tls?: SampleTls;
}

/** Requests that wait in a sample. */
export interface Held {
  /** How many came so far. */
  readonly count: number;
  release(): void;
}

interface Gate {
  count: number;
  readonly open: Promise<void>;
}

interface SampleRequest {
  readonly url?: string | undefined;
  readonly method?: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly httpVersion: string;
  readonly socket: unknown;
}

interface SampleResponse {
  writeHead(status: number, headers: Record<string, string>): unknown;
  end(body: string): unknown;
}

/** How many requests are kept to be looked at. */
const kept = 500;

/**
 * A program behind a proxy, in this process, that answers whatever it is spoken to in: HTTP/1.1, HTTP/2, TLS with either
 * inside, and bytes that are neither, with `<app>-<version>:` and the bytes.
 *
 * HTTP: 200 with a SampleAnswer, except where the request asks for something else. By path: `/status/503` for a status,
 * `/delay/300` for milliseconds of thought. By header, for any path: `x-sample-status: 503`, `x-sample-delay: 300`,
 * `x-sample-reset: yes` for an end without an answer, `x-sample-hold: yes` to wait for `hold`'s release; with ` v1` behind
 * the value only that version obeys.
 */
export class SampleApp implements AsyncDisposable {
  readonly options: SampleOptions;
  readonly #server: Server;
  readonly #http = createHttpServer((request, response) => void this.#answer(request, response));
  readonly #http2 = createHttp2Server((request, response) => void this.#answer(request, response));
  readonly #tls: TlsServer | undefined;
  readonly #sockets = new Set<Socket>();
  readonly #received: SampleAnswer[] = [];
  #requests = 0;
  #connections = 0;
  #forced: number | undefined;
  #gate: Gate | undefined;

  private constructor(options: SampleOptions) {
    this.options = options;
    this.#http.keepAliveTimeout = 120_000; // a proxy's pooled connection must not end under a request
    this.#tls = options.tls && tlsServer(options.tls, (socket) => this.#listenTo(socket));
    this.#server = createServer((socket) => {
      this.#connections += 1;
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
      this.#listenTo(socket);
    });
  }

  static async start(options: SampleOptions): Promise<SampleApp> {
    const app = new SampleApp(options);
    app.#server.listen(options.port, options.address ?? "127.0.0.1");
    await once(app.#server, "listening");
    return app;
  }

  /** Requests that reached it. */
  get requests(): number {
    return this.#requests;
  }

  /** Connections that reached it. */
  get connections(): number {
    return this.#connections;
  }

  /** The last requests, oldest first; what nobody waits for (a mirror) is here too. */
  get received(): readonly SampleAnswer[] {
    return this.#received;
  }

  /** From now on every answer has this status; undefined: as the request asks. */
  answerAlways(status: number | undefined): void {
    this.#forced = status;
  }

  /** From now on requests that ask for it wait until they are released, all at once, and later ones do not wait. */
  hold(): Held {
    const { promise, resolve } = Promise.withResolvers<void>();
    const gate: Gate = { count: 0, open: promise };
    this.#gate = gate;
    return {
      get count() {
        return gate.count;
      },
      release: resolve,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  /** The first bytes tell what is spoken. */
  #listenTo(socket: Socket): void {
    socket.on("error", () => socket.destroy());
    socket.once("data", (first: Buffer) => {
      socket.pause();
      socket.unshift(first);
      const server = this.#serverFor(first);
      if (server !== undefined) server.emit("connection", socket);
      else
        socket.on("data", (bytes: Buffer) => void socket.write(`${this.#name}:${bytes.toString("latin1")}`, "latin1"));
      process.nextTick(() => socket.resume());
    });
  }

  #serverFor(first: Buffer): { emit(event: string, socket: Socket): boolean } | undefined {
    const text = first.toString("latin1", 0, 24);
    if (text.startsWith("PRI * HTTP/2")) return this.#http2;
    if (first[0] === 0x16 && this.#tls !== undefined) return this.#tls;
    return /^[A-Z]{3,10} [/*h]/.test(text) ? this.#http : undefined;
  }

  get #name(): string {
    return `${this.options.app}-${this.options.version}`;
  }

  async #pass(): Promise<void> {
    if (this.#gate === undefined) return;
    this.#gate.count += 1;
    await this.#gate.open;
  }

  async #answer(request: SampleRequest, response: SampleResponse): Promise<void> {
    this.#requests += 1;
    const path = request.url ?? "/";
    const { app, version } = this.options;
    const { method = "", headers, httpVersion: protocol } = request;
    const answer: SampleAnswer = { app, version, method, path, headers: { ...headers }, protocol, ...tlsOf(request) };
    this.#received.push(answer);
    if (this.#received.length > kept) this.#received.shift();
    const wish = (name: string): string | undefined => wishOf(headers[`x-sample-${name}`], version);
    if (wish("reset") !== undefined) return void (request.socket as Socket).destroy();
    if (wish("hold") !== undefined) await this.#pass();
    await sleep(Number(wish("delay") ?? /^\/delay\/(\d+)/.exec(path)?.[1] ?? 0), undefined, { ref: false });
    const status = this.#forced ?? Number(wish("status") ?? /^\/status\/(\d{3})/.exec(path)?.[1] ?? 200);
    response.writeHead(status, { "content-type": "application/json", "x-sample": this.#name });
    response.end(`${JSON.stringify(answer)}\n`);
  }
}

/** `503` for all, `503 v1` for one version. */
function wishOf(header: string | readonly string[] | undefined, version: string): string | undefined {
  const [value, only] = String(header ?? "").split(" ");
  return value !== "" && (only === undefined || only === version) ? value : undefined;
}

function tlsServer(tls: SampleTls, onSecure: (socket: Socket) => void): TlsServer {
  const { certificate: cert, privateKey: key, clientRoot } = tls;
  const client = clientRoot === undefined ? {} : { requestCert: true, rejectUnauthorized: true, ca: clientRoot };
  const server = createTlsServer({ cert, key, ALPNProtocols: ["h2", "http/1.1"], ...client }, onSecure);
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  return server;
}

function tlsOf({ socket }: SampleRequest): Pick<SampleAnswer, "tls"> {
  const secure = socket as Partial<TLSSocket>;
  if (secure.encrypted !== true) return {};
  const peerNames = secure.getPeerCertificate?.().subjectaltname ?? "";
  const { servername } = secure as { servername?: unknown };
  const version = secure.getProtocol?.() ?? "";
  return { tls: { version, serverName: typeof servername === "string" ? servername : "", peerNames } };
}
