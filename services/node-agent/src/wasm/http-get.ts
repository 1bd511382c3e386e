import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { http } from "../http-client.ts";

export interface GetOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent with POST instead of GET. */
  readonly form?: URLSearchParams;
  /** From the first byte sent to the last one received, redirects too. */
  readonly timeoutMs: number;
  /** A longer body is an error. */
  readonly largestBytes: number;
  readonly anyCertificate: boolean;
}

export interface Got {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** An answer that another attempt would not change. */
export class FinalError extends Error {}

const mostRedirects = 5;

/** The answer, whatever its status. Follows redirects, to another origin without the Authorization that was for the first. */
export async function get(url: string, options: GetOptions): Promise<Got> {
  const signal = AbortSignal.timeout(options.timeoutMs);
  let at = new URL(url);
  let { headers = {} } = options;
  for (let redirects = 0; ; redirects += 1) {
    const response = await answerOf(at, { ...options, headers }, signal);
    const { statusCode: status = 0, headers: received } = response;
    const next = [301, 302, 303, 307, 308].includes(status) ? received.location : undefined;
    if (next === undefined) return { status, headers: received, body: await bodyOf(response, url, options) };
    response.destroy();
    if (redirects === mostRedirects) throw new FinalError(`${url} redirects more than ${mostRedirects} times`);
    const target = new URL(next, at);
    if (target.origin !== at.origin) headers = withoutAuthorization(headers);
    at = target;
  }
}

function withoutAuthorization(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== "authorization"));
}

async function answerOf(url: URL, options: GetOptions, signal: AbortSignal): Promise<IncomingMessage> {
  const secure = url.protocol === "https:";
  if (!secure && url.protocol !== "http:") throw new FinalError(`${url.protocol} is not a scheme to fetch from`);
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const { form } = options;
  const request = (secure ? process.getBuiltinModule("node:https") : http).request(url, {
    method: form === undefined ? "GET" : "POST",
    headers: {
      "user-agent": "lateen",
      ...(form !== undefined && { "content-type": "application/x-www-form-urlencoded" }),
      ...options.headers,
    },
    signal,
    ...(secure && options.anyCertificate && { rejectUnauthorized: false }),
  });
  request.once("error", reject);
  request.once("response", resolve);
  request.end(form?.toString());
  return await promise;
}

async function bodyOf(response: IncomingMessage, url: string, { largestBytes }: GetOptions): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > largestBytes) throw new FinalError(`${url} is larger than ${largestBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
