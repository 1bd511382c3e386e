import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { KubeClient } from "../client.ts";
import type { KubeObject } from "../resource.ts";
import { tokenTransport } from "../transport.ts";

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: string;
}

/**
 * One collection of objects with list (paged), watch and bookmarks, whose misbehaviour the test chooses. It answers
 * every path alike; for anything else than list and watch set `intercept`.
 */
export class FakeApiServer {
  readonly requests: ReceivedRequest[] = [];
  /** Answers first where set; return false to fall through to list and watch. */
  intercept: ((request: ReceivedRequest, response: ServerResponse) => boolean) | undefined;
  readonly #objects = new Map<string, KubeObject>();
  readonly #log: { revision: number; line: string }[] = [];
  readonly #watches = new Set<ServerResponse>();
  #server: Server | undefined;
  #revision = 1;
  /** Watches and pages from before this revision are answered 410. */
  #compacted = 0;
  #url = "";

  async start(): Promise<this> {
    const server = createServer((request, response) => void this.#handle(request, response));
    this.#server = server.listen(0, "127.0.0.1");
    await once(server, "listening");
    this.#url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return this;
  }

  client(): KubeClient {
    return new KubeClient(tokenTransport(this.#url));
  }

  put(name: string, fields: Record<string, unknown> = {}): void {
    const type = this.#objects.has(name) ? "MODIFIED" : "ADDED";
    this.#revision += 1;
    const object = { ...fields, metadata: { name, resourceVersion: String(this.#revision) } };
    this.#objects.set(name, object);
    this.#emit(type, object);
  }

  delete(name: string): void {
    const object = this.#objects.get(name);
    if (!object) return;
    this.#objects.delete(name);
    this.#revision += 1;
    this.#emit("DELETED", { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#revision) } });
  }

  /** Moves every watcher's resourceVersion on, as a quiet API server does each minute. */
  bookmark(): void {
    this.#revision += 1;
    this.#emit("BOOKMARK", { metadata: { name: "", resourceVersion: String(this.#revision) } });
  }

  /** Forgets history: older watches and pages are 410 from now on. */
  compact(): void {
    this.#compacted = this.#revision;
  }

  /** Ends every open watch: in order, or by cutting the connection. */
  endWatches(how: "close" | "cut"): void {
    for (const watch of this.#watches) {
      if (how === "close") watch.end();
      else watch.destroy();
    }
    this.#watches.clear();
  }

  get openWatches(): number {
    return this.#watches.size;
  }

  /** Lists so far: each entry is the `continue` it asked for, "" for a first page. */
  get lists(): string[] {
    return this.requests.filter(({ query }) => !query.has("watch")).map(({ query }) => query.get("continue") ?? "");
  }

  /** resourceVersions that watches asked to resume from. */
  get watchesFrom(): string[] {
    return this.requests
      .filter(({ query }) => query.has("watch"))
      .map(({ query }) => query.get("resourceVersion") ?? "");
  }

  async stop(): Promise<void> {
    this.endWatches("cut");
    this.#server?.closeAllConnections();
    await new Promise((resolve) => this.#server?.close(resolve));
  }

  async #handle(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(message.url ?? "/", this.#url);
    const chunks: Buffer[] = [];
    for await (const chunk of message) chunks.push(chunk as Buffer);
    const request = {
      method: message.method ?? "",
      path: url.pathname,
      query: url.searchParams,
      body: Buffer.concat(chunks).toString(),
    };
    this.requests.push(request);
    if (this.intercept?.(request, response) === true) return;
    if (request.query.has("watch")) this.#watch(request, response);
    else this.#list(request, response);
  }

  #list({ query }: ReceivedRequest, response: ServerResponse): void {
    const limit = Number(query.get("limit") ?? Number.POSITIVE_INFINITY);
    const [at = String(this.#revision), from = "0"] = query.get("continue")?.split("/") ?? [];
    if (Number(at) < this.#compacted) {
      answerStatus(response, 410, "Expired", "the provided continue parameter is too old");
      return;
    }
    const all = [...this.#objects.values()];
    const items = all.slice(Number(from), Number(from) + limit);
    const next = Number(from) + items.length;
    const more = next < all.length ? { continue: `${at}/${next}` } : {};
    response.end(JSON.stringify({ metadata: { resourceVersion: at, ...more }, items }));
  }

  #watch({ query }: ReceivedRequest, response: ServerResponse): void {
    const from = Number(query.get("resourceVersion"));
    response.writeHead(200, { "content-type": "application/json" });
    if (from < this.#compacted) {
      response.end(
        `${JSON.stringify({ type: "ERROR", object: statusBody(410, "Expired", "too old resource version") })}\n`,
      );
      return;
    }
    response.flushHeaders();
    for (const entry of this.#log) if (entry.revision > from) response.write(entry.line);
    this.#watches.add(response);
    response.once("close", () => this.#watches.delete(response));
  }

  #emit(type: string, object: KubeObject): void {
    const line = `${JSON.stringify({ type, object })}\n`;
    this.#log.push({ revision: this.#revision, line });
    for (const watch of this.#watches) watch.write(line);
  }
}

function answerStatus(response: ServerResponse, code: number, reason: string, message: string): void {
  response
    .writeHead(code, { "content-type": "application/json" })
    .end(JSON.stringify(statusBody(code, reason, message)));
}

function statusBody(code: number, reason: string, message: string) {
  return { kind: "Status", apiVersion: "v1", status: "Failure", code, reason, message };
}
