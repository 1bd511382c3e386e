import { Agent, type IncomingHttpHeaders, request } from "node:http";
import { Agent as TlsAgent, request as tlsRequest } from "node:https";

export interface HttpRequest {
  /** Where to connect; default 127.0.0.1. */
  readonly address?: string;
  readonly port: number;
  /** Host header; default what is connected to. */
  readonly host?: string;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Speak TLS. */
  readonly tls?: {
    readonly serverName?: string;
    /** PEM of the root to trust; without it any certificate is taken. */
    readonly root?: string;
    readonly certificate?: string;
    readonly privateKey?: string;
  };
  /** Default 60 s. */
  readonly timeoutMs?: number;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly tookMs: number;
}

/** HTTP/1.1 with kept connections, to wherever each request says. Connections close on dispose. */
export class HttpClient implements Disposable {
  readonly #plain: Agent;
  readonly #tls: TlsAgent;

  constructor(options: { readonly keepAlive?: boolean } = {}) {
    const keepAlive = options.keepAlive ?? true;
    this.#plain = new Agent({ keepAlive });
    this.#tls = new TlsAgent({ keepAlive });
  }

  /** Rejects when no answer comes: refused, reset, timed out. Any HTTP status is an answer. */
  send(wanted: HttpRequest): Promise<HttpAnswer> {
    const started = performance.now();
    const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
    const common = {
      host: wanted.address ?? "127.0.0.1",
      port: wanted.port,
      path: wanted.path ?? "/",
      method: wanted.method ?? "GET",
      headers: { ...(wanted.host !== undefined && { host: wanted.host }), ...wanted.headers },
      timeout: wanted.timeoutMs ?? 60_000,
    };
    const call =
      wanted.tls === undefined
        ? request({ ...common, agent: this.#plain })
        : tlsRequest({
            ...common,
            agent: this.#tls,
            servername: wanted.tls.serverName,
            ca: wanted.tls.root,
            cert: wanted.tls.certificate,
            key: wanted.tls.privateKey,
            rejectUnauthorized: wanted.tls.root !== undefined,
          });
    call.on("timeout", () => call.destroy(new Error(`no answer within ${common.timeout} ms`)));
    call.on("error", reject);
    call.on("response", (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        body += chunk;
      });
      response.on("error", reject);
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body,
          tookMs: performance.now() - started,
        }),
      );
    });
    call.end(wanted.body);
    return promise;
  }

  [Symbol.dispose](): void {
    this.#plain.destroy();
    this.#tls.destroy();
  }
}

/** One request on a connection of its own. */
export async function send(wanted: HttpRequest): Promise<HttpAnswer> {
  using client = new HttpClient({ keepAlive: false });
  return await client.send(wanted);
}
