import type { OutgoingHttpHeaders } from "node:http";

/**
 * `import "node:http"` evaluates everything that the module can export, and that loads undici: 4 MB which nothing here
 * uses, as does `fetch`. Taken like this, only what is called is loaded.
 */
export const http = process.getBuiltinModule("node:http");

export interface HttpRequest {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly timeoutMs: number;
  /** Do not read the body: only the status counts. */
  readonly statusOnly?: boolean;
  /** Take a connection of its own, as a probe must. */
  readonly freshConnection?: boolean;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
  /** Its content-type. */
  readonly type?: string;
}

/** One request, no redirect followed, any certificate accepted. Rejects when there is no answer in time. */
export async function ask(url: string, options: HttpRequest): Promise<HttpAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
  const secure = url.startsWith("https:");
  const module = secure ? process.getBuiltinModule("node:https") : http;
  const request = module.request(url, {
    method: options.method ?? "GET",
    headers: options.headers ?? {},
    signal: AbortSignal.timeout(options.timeoutMs),
    ...(options.freshConnection && { agent: false }),
    ...(secure && { rejectUnauthorized: false }),
  });
  request.once("error", reject);
  request.once("response", (response) => {
    const status = response.statusCode ?? 0;
    response.once("error", reject);
    if (options.statusOnly === true) {
      resolve({ status, body: "" });
      response.destroy();
      return;
    }
    let body = "";
    response.setEncoding("utf8").on("data", (chunk: string) => {
      body += chunk;
    });
    const { "content-type": type } = response.headers;
    response.once("end", () => resolve({ status, body, ...(type !== undefined && { type }) }));
  });
  request.end();
  return await promise;
}
