import { createHash } from "node:crypto";
import type { Credentials } from "./docker-config.ts";
import { FinalError, get } from "./http-get.ts";
import type { Got } from "./http-get.ts";
import type { ImageReference } from "./image-reference.ts";
import { authorizationFor, refusalOf } from "./registry-authentication.ts";

export interface RegistryAccess {
  readonly credentials: Credentials | undefined;
  /** Any certificate will do, and none. */
  readonly insecure: boolean;
  readonly timeoutMs: number;
}

/** One repository of a registry, for one pull. https://github.com/opencontainers/distribution-spec/blob/main/spec.md */
export class Repository {
  readonly #image: ImageReference;
  readonly #access: RegistryAccess;
  #origin: string | undefined;
  #authorization: string | undefined;

  constructor(image: ImageReference, access: RegistryAccess) {
    this.#image = image;
    this.#access = access;
  }

  /** A manifest or index, checked against the digest where `wanted` is one. */
  async manifest(wanted: string, accept: string, largestBytes: number): Promise<Got> {
    const got = await this.#get(`manifests/${wanted}`, { accept }, largestBytes);
    if (wanted.includes(":")) checkDigest(got.body, wanted, "manifest");
    return got;
  }

  async blob(digest: string, largestBytes: number): Promise<Buffer> {
    const { body } = await this.#get(`blobs/${digest}`, {}, largestBytes);
    checkDigest(body, digest, "layer");
    return body;
  }

  async #get(path: string, headers: Readonly<Record<string, string>>, largestBytes: number): Promise<Got> {
    const first = await this.#ask(path, headers, largestBytes);
    if (first.status !== 401) return checked(first, this.#image);
    this.#authorization = await this.#authorized(first.headers["www-authenticate"], largestBytes);
    const second = await this.#ask(path, headers, largestBytes);
    if (second.status === 401) throw new FinalError(refusalOf(this.#access.credentials));
    return checked(second, this.#image);
  }

  async #authorized(challenge: string | undefined, largestBytes: number): Promise<string> {
    const { credentials, insecure, timeoutMs } = this.#access;
    const plain = this.#origin?.startsWith("http:") === true;
    if (plain && credentials !== undefined && !insecure && !isLoopback(this.#image.registry))
      throw new FinalError(
        `its registry answers without TLS and gets no credentials; list ${this.#image.registry} in WASM_INSECURE_REGISTRIES of the proxy to send them`,
      );
    const authorization = await authorizationFor(challenge, {
      repository: this.#image.repository,
      credentials,
      insecure: insecure || plain,
      get: { timeoutMs, largestBytes, anyCertificate: insecure },
    });
    if (authorization === undefined) throw new FinalError(refusalOf(credentials));
    return authorization;
  }

  async #ask(path: string, headers: Readonly<Record<string, string>>, largestBytes: number): Promise<Got> {
    const { insecure, timeoutMs } = this.#access;
    const { registry, repository } = this.#image;
    const authorization = this.#authorization;
    const ask = (origin: string): Promise<Got> =>
      get(`${origin}${registry}/v2/${repository}/${path}`, {
        headers: { ...headers, ...(authorization !== undefined && { authorization }) },
        timeoutMs,
        largestBytes,
        anyCertificate: insecure,
      });
    if (this.#origin !== undefined) return await ask(this.#origin);
    try {
      const got = await ask("https://");
      this.#origin = "https://";
      return got;
    } catch (error) {
      if (!insecure && !isNear(registry)) throw speaksNoTls(error) ? withoutTls(registry) : error;
      if (!speaksNoTls(error) && !isClosed(error)) throw error;
      const got = await ask("http://");
      this.#origin = "http://";
      return got;
    }
  }
}

function checked(got: Got, { wanted, repository }: ImageReference): Got {
  const { status } = got;
  if (status === 200) return got;
  if (status === 404) throw new FinalError(`its registry has no ${repository} ${wanted}`);
  const message = `its registry answers ${status}`;
  throw status >= 400 && status < 500 && status !== 429 && status !== 408
    ? new FinalError(message)
    : new Error(message);
}

function checkDigest(body: Buffer, digest: string, what: string): void {
  const [algorithm = ""] = digest.split(":");
  if (algorithm !== "sha256" && algorithm !== "sha512")
    throw new FinalError(`${digest} is not a digest that can be checked`);
  const found = `${algorithm}:${createHash(algorithm).update(body).digest("hex")}`;
  if (found !== digest) throw new Error(`its ${what} is ${found}, and should be ${digest}`);
}

function codeOf(error: unknown): string {
  return typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
}

/** What OpenSSL says of a peer that answers in plain text. */
function speaksNoTls(error: unknown): boolean {
  return ["EPROTO", "ERR_SSL_WRONG_VERSION_NUMBER", "ERR_SSL_PACKET_LENGTH_TOO_LONG"].includes(codeOf(error));
}

function isClosed(error: unknown): boolean {
  return ["ECONNREFUSED", "ECONNRESET"].includes(codeOf(error));
}

function withoutTls(registry: string): Error {
  return new FinalError(
    `its registry answers without TLS; list ${registry} in WASM_INSECURE_REGISTRIES of the proxy to allow that`,
  );
}

function hostOf(registry: string): string {
  return registry.replace(/:\d+$/, "").toLowerCase();
}

function isLoopback(registry: string): boolean {
  return /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostOf(registry));
}

/** Where Istio's agent would speak plain HTTP, too: loopback, `*.local`, and private addresses. */
function isNear(registry: string): boolean {
  const host = hostOf(registry);
  return (
    isLoopback(registry) ||
    host.endsWith(".local") ||
    /^(?:10\.\d+|192\.168|172\.(?:1[6-9]|2\d|3[01]))(?:\.\d+){2}$/.test(host)
  );
}
