import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { digestOf } from "./module-images.ts";
import type { TestImage } from "./module-images.ts";

export interface RegistryRules {
  /** How callers are told to say who they are; default: they need not. */
  readonly authentication?: "none" | "basic" | "bearer";
  /** `name:password`; without it everybody gets a token, as from a registry of public images. */
  readonly user?: string;
}

/** A registry of images on loopback, without TLS: the half of the OCI distribution protocol that pulls use. */
export class ImageRegistry {
  /** Each request so far: path and the status that it got. */
  readonly asked: { readonly path: string; readonly status: number }[] = [];
  readonly #rules: RegistryRules;
  readonly #server: Server;
  readonly #manifests = new Map<string, TestImage>();
  readonly #blobs = new Map<string, Buffer>();
  readonly #tokens = new Set<string>();

  constructor(rules: RegistryRules = {}) {
    this.#rules = rules;
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Any port unless one is given. */
  async listen(port = 0): Promise<this> {
    this.#server.listen(port, "127.0.0.1").unref();
    await once(this.#server, "listening");
    return this;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** Under a tag, and under its digest, which is the answer. */
  put(repository: string, tag: string, image: TestImage): string {
    const digest = `sha256:${digestOf(image.manifest)}`;
    for (const name of [tag, digest]) this.#manifests.set(`${repository} ${name}`, image);
    for (const blob of image.blobs) this.#blobs.set(`sha256:${digestOf(blob)}`, blob);
    return digest;
  }

  /** What is served under that digest from now on, whatever its own is. */
  replaceBlob(digest: string, content: Buffer): void {
    this.#blobs.set(digest, content);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname: path } = new URL(request.url ?? "/", "http://registry");
    response.once("finish", () => this.asked.push({ path, status: response.statusCode }));
    const [, repository = "", kind, name = ""] = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(path) ?? [];
    if (path === "/token") this.#giveToken(request, response);
    else if (!this.#mayPull(request)) this.#challenge(repository, response);
    else if (kind === "manifests") sendManifest(this.#manifests.get(`${repository} ${name}`), response);
    else if (kind === "blobs") this.#redirect(name, response);
    else if (path.startsWith("/storage/")) this.#sendBlob(path.slice("/storage/".length), request, response);
    else response.writeHead(404).end();
  }

  #mayPull({ url = "", headers: { authorization = "" } }: IncomingMessage): boolean {
    const { authentication = "none", user = "" } = this.#rules;
    if (authentication === "none" || url.startsWith("/storage/")) return true;
    return authentication === "basic" ? authorization === basic(user) : this.#tokens.has(authorization);
  }

  #challenge(repository: string, response: ServerResponse): void {
    const realm = `http://${this.address}/token`;
    const bearer = `Bearer realm="${realm}",service="registry",scope="repository:${repository}:pull"`;
    const challenge = this.#rules.authentication === "basic" ? 'Basic realm="registry"' : bearer;
    response.writeHead(401, { "www-authenticate": challenge }).end();
  }

  #giveToken({ headers: { authorization } }: IncomingMessage, response: ServerResponse): void {
    const { user } = this.#rules;
    if (user !== undefined && authorization !== basic(user)) {
      response.writeHead(401).end();
      return;
    }
    const token = randomUUID();
    this.#tokens.add(`Bearer ${token}`);
    response.end(JSON.stringify({ token }));
  }

  /** As registries do that keep blobs elsewhere; the storage must not see who asked. */
  #redirect(digest: string, response: ServerResponse): void {
    response.writeHead(307, { location: `http://localhost:${this.address.split(":")[1]}/storage/${digest}` }).end();
  }

  #sendBlob(digest: string, { headers }: IncomingMessage, response: ServerResponse): void {
    const blob = this.#blobs.get(digest);
    if (headers.authorization !== undefined) response.writeHead(400).end("a token that is not for the storage");
    else if (blob === undefined) response.writeHead(404).end();
    else response.end(blob);
  }
}

function sendManifest(image: TestImage | undefined, response: ServerResponse): void {
  if (image === undefined) response.writeHead(404).end();
  else response.writeHead(200, { "content-type": image.mediaType }).end(image.manifest);
}

function basic(user: string): string {
  return `Basic ${Buffer.from(user).toString("base64")}`;
}
