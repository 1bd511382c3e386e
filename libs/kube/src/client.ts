import type { IncomingMessage } from "node:http";
import { KubeError, isNotFound, refusal } from "./kube-error.ts";
import { describeObject, pathOf } from "./resource.ts";
import type { KubeObject, KubeRef, ResourceType, Selection } from "./resource.ts";
import { readLines } from "./lines.ts";
import type { HttpCall, Transport } from "./transport.ts";

export interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK";
  readonly object: KubeObject;
}

export interface ObjectPage {
  readonly items: readonly KubeObject[];
  readonly resourceVersion: string;
  /** Present where more pages follow. */
  readonly continue?: string;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export type PatchType = "merge" | "json" | "strategic";

const patchContentTypes: Readonly<Record<PatchType, string>> = {
  merge: "application/merge-patch+json",
  json: "application/json-patch+json",
  strategic: "application/strategic-merge-patch+json",
};

/** Requests other than a watch end after this, even where the caller gave no signal. */
const requestTimeoutMs = 30_000;

/**
 * Raw JSON requests to one API server. Every refusal is a `KubeError` that names the verb and the object; a network
 * failure is Node's own error. Nothing is retried here, but for a GET, PUT, PATCH or DELETE that met a stale connection.
 */
export class KubeClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  get server(): string {
    return this.#transport.server;
  }

  /** `undefined` where there is no such object. */
  async get(type: ResourceType, ref: KubeRef, options: CallOptions = {}): Promise<KubeObject | undefined> {
    const what = `get ${describeObject(type, ref)}`;
    return orUndefined(this.#json(what, { method: "GET", path: pathOf(type, ref), signal: options.signal }));
  }

  /** One page of at most `limit` objects; without a limit, all of them. */
  async listPage(
    type: ResourceType,
    selection: Selection,
    options: CallOptions & { limit?: number; continueFrom?: string | undefined } = {},
  ): Promise<ObjectPage> {
    const query = { ...selectors(selection), limit: options.limit, continue: options.continueFrom };
    const path =
      pathOf(type, selection.namespace === undefined ? {} : { namespace: selection.namespace }) + queryOf(query);
    const page = await this.#json<RawList>(`list ${describeObject(type, selection)}`, {
      method: "GET",
      path,
      signal: options.signal,
    });
    const { resourceVersion = "", continue: next } = page.metadata ?? {};
    return { items: page.items ?? [], resourceVersion, ...(next ? { continue: next } : {}) };
  }

  /** All objects of the selection, read in pages. Throws (410) where a page outlives the server's patience. */
  async list(type: ResourceType, selection: Selection = {}, options: CallOptions = {}): Promise<readonly KubeObject[]> {
    const items: KubeObject[] = [];
    let continueFrom: string | undefined;
    do {
      const page = await this.listPage(type, selection, { limit: 500, continueFrom, signal: options.signal });
      items.push(...page.items);
      continueFrom = page.continue;
    } while (continueFrom !== undefined);
    return items;
  }

  /** Creates the object; 409 (`isConflict`) where one of that name exists. */
  create(type: ResourceType, object: KubeObject, options: CallOptions = {}): Promise<KubeObject> {
    const path = pathOf(type, { namespace: object.metadata.namespace });
    return this.#send(
      `create ${describeObject(type, object.metadata)}`,
      { method: "POST", path, signal: options.signal },
      object,
    );
  }

  /** Replaces the object whole; with `metadata.resourceVersion` set it is a compare-and-swap (409 when stale). */
  replace(
    type: ResourceType,
    object: KubeObject,
    options: CallOptions & { subresource?: string } = {},
  ): Promise<KubeObject> {
    const { namespace, name } = object.metadata;
    const path = pathOf(type, { namespace, name, ...(options.subresource && { subresource: options.subresource }) });
    const { signal } = options;
    return this.#send(`replace ${describeObject(type, object.metadata)}`, { method: "PUT", path, signal }, object);
  }

  /** Server-side apply: the object has the given fields afterwards, and `fieldManager` owns them. */
  apply(
    type: ResourceType,
    object: KubeObject,
    options: CallOptions & { fieldManager: string; force?: boolean },
  ): Promise<KubeObject> {
    const { namespace, name } = object.metadata;
    const path =
      pathOf(type, { namespace, name }) + queryOf({ fieldManager: options.fieldManager, force: options.force });
    const what = `apply ${describeObject(type, object.metadata)}`;
    const { signal } = options;
    return this.#send(what, { method: "PATCH", path, signal, contentType: "application/apply-patch+yaml" }, object);
  }

  /** Throws 404 (`isNotFound`) where there is no such object. */
  patch(
    type: ResourceType,
    ref: KubeRef,
    patch: unknown,
    options: CallOptions & { type?: PatchType; subresource?: string } = {},
  ): Promise<KubeObject> {
    const path = pathOf(type, { ...ref, ...(options.subresource && { subresource: options.subresource }) });
    const contentType = patchContentTypes[options.type ?? "merge"];
    const { signal } = options;
    return this.#send(`patch ${describeObject(type, ref)}`, { method: "PATCH", path, signal, contentType }, patch);
  }

  /** False where there was no such object. */
  async delete(
    type: ResourceType,
    ref: KubeRef,
    options: CallOptions & { graceSeconds?: number } = {},
  ): Promise<boolean> {
    const path =
      pathOf(type, ref) + queryOf({ gracePeriodSeconds: options.graceSeconds, propagationPolicy: "Background" });
    const what = `delete ${describeObject(type, ref)}`;
    return (await orUndefined(this.#json(what, { method: "DELETE", path, signal: options.signal }))) !== undefined;
  }

  /**
   * Changes after `resourceVersion`, in order. Ends when the server ends the watch (after `timeoutSeconds` at the
   * latest) or the signal aborts; throws `KubeError` where the server says so (410: list again) and on a broken connection.
   */
  async *watch(
    type: ResourceType,
    selection: Selection & { resourceVersion: string; timeoutSeconds: number },
    options: CallOptions & {
      /** The server has accepted the watch; its first event may be a minute away. */ onOpen?: () => void;
    } = {},
  ): AsyncGenerator<WatchEvent> {
    const { resourceVersion, timeoutSeconds } = selection;
    const query = { ...selectors(selection), watch: true, allowWatchBookmarks: true, resourceVersion, timeoutSeconds };
    const path =
      pathOf(type, selection.namespace === undefined ? {} : { namespace: selection.namespace }) + queryOf(query);
    const what = `watch ${describeObject(type, selection)}`;
    const deadline = AbortSignal.timeout((timeoutSeconds + 30) * 1000);
    const signal = options.signal ? AbortSignal.any([options.signal, deadline]) : deadline;
    const response = await this.#transport.send({ method: "GET", path, signal });
    try {
      await expectSuccess(what, response);
      options.onOpen?.();
      for await (const line of readLines(response)) {
        const event = JSON.parse(line) as { type: string; object: KubeObject };
        if (event.type === "ERROR") throw refusal(what, 500, JSON.stringify(event.object));
        yield event as WatchEvent;
      }
    } catch (error) {
      if (!options.signal?.aborted) throw error;
    } finally {
      response.destroy();
    }
  }

  /** For paths that are no resource, such as `/version`, `/readyz` or what is behind the server's proxy to a pod. */
  async raw(path: string, options: CallOptions & { headers?: Readonly<Record<string, string>> } = {}): Promise<string> {
    return this.#text(`get ${path}`, { method: "GET", path, signal: options.signal, headers: options.headers });
  }

  close(): void {
    this.#transport.close();
  }

  #send(what: string, call: Omit<HttpCall, "body">, body: unknown): Promise<KubeObject> {
    return this.#json(what, { ...call, body: JSON.stringify(body) });
  }

  async #json<T = KubeObject>(what: string, call: HttpCall): Promise<T> {
    return JSON.parse(await this.#text(what, call)) as T;
  }

  async #text(what: string, call: HttpCall): Promise<string> {
    const timeout = AbortSignal.timeout(requestTimeoutMs);
    const signal = call.signal ? AbortSignal.any([call.signal, timeout]) : timeout;
    const response = await this.#transport.send({ ...call, signal });
    await expectSuccess(what, response);
    return readText(response);
  }
}

interface RawList {
  readonly metadata?: { resourceVersion?: string; continue?: string };
  readonly items?: readonly KubeObject[];
}

async function expectSuccess(what: string, response: IncomingMessage): Promise<void> {
  const status = response.statusCode ?? 0;
  if (status < 200 || status > 299) throw refusal(what, status, await readText(response));
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

async function orUndefined<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (isNotFound(error) && error instanceof KubeError) return undefined;
    throw error;
  }
}

function selectors({ labelSelector, fieldSelector }: Selection) {
  return { labelSelector, fieldSelector };
}

function queryOf(values: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(values)) if (value !== undefined) query.set(key, String(value));
  return query.size === 0 ? "" : `?${query.toString()}`;
}
