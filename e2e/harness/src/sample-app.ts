import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/** What a sample answers: who it is and what reached it. */
export interface SampleAnswer {
  readonly app: string;
  readonly version: string;
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

export interface SampleOptions {
  readonly app: string;
  readonly version: string;
  readonly port: number;
  /** Default 127.0.0.1. */
  readonly address?: string;
}

/**
 * A program behind a proxy, in this process. Answers 200 with a SampleAnswer, except where the request asks for
 * something else: `/status/503` for a status, `/delay/300` for milliseconds of thought.
 */
export class SampleApp implements AsyncDisposable {
  readonly options: SampleOptions;
  readonly #server: Server;
  #requests = 0;
  #forced: number | undefined;

  private constructor(options: SampleOptions) {
    this.options = options;
    this.#server = createServer((request, response) => {
      this.#requests += 1;
      const path = request.url ?? "/";
      const { app, version } = options;
      const answer: SampleAnswer = { app, version, method: request.method ?? "", path, headers: request.headers };
      const status = this.#forced ?? Number(/^\/status\/(\d{3})/.exec(path)?.[1] ?? 200);
      void sleep(Number(/^\/delay\/(\d+)/.exec(path)?.[1] ?? 0)).then(() => {
        response.writeHead(status, { "content-type": "application/json", "x-sample": `${app}-${version}` });
        response.end(`${JSON.stringify(answer)}\n`);
      });
    });
    this.#server.keepAliveTimeout = 120_000; // a proxy's pooled connection must not end under a request
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

  /** From now on every answer has this status; undefined: as the request asks. */
  answerAlways(status: number | undefined): void {
    this.#forced = status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}
