import { createHash, randomUUID } from "node:crypto";
import { mkdir, readFile, readdir, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "@lateen/runtime";
import { credentialsFor } from "./docker-config.ts";
import { FinalError, get } from "./http-get.ts";
import { isImage, parseImageReference } from "./image-reference.ts";
import { findImage } from "./image.ts";

export interface WantedModule {
  readonly url: string;
  /** Hexadecimal, of the module, or of an image's manifest; empty when the owner did not say. */
  readonly sha256: string;
  /** Whether to ask for it again although it is there; without it, only for an image whose tag is `latest`. */
  readonly refetch?: boolean;
  /** Of the object that wants it: the same one does not ask twice. */
  readonly generation: string;
  /** A Docker configuration with credentials for registries. */
  readonly credentials?: () => Promise<string>;
}

export interface ModuleStoreOptions {
  readonly directory: string;
  readonly logger: Logger;
  /** Between attempts; default 1 s. */
  readonly retryMs?: number;
  /** Hosts, with their ports, whose certificate is not looked at and that need not have one; `*` for all. */
  readonly insecureRegistries?: readonly string[];
  /** A folder with a Docker configuration, `config.json`, for images that name no credentials. */
  readonly dockerConfig?: string;
}

const attempts = 3;
const timeoutMs = 30_000;
const largestBytes = 256 * 1024 * 1024;
/** Modules kept on the disk. */
const capacity = 32;
const magic = Buffer.from([0x00, 0x61, 0x73, 0x6d]);

/** WebAssembly modules from the network, as files that Envoy can read. Never a part of one. */
export class ModuleStore {
  readonly #options: ModuleStoreOptions;
  readonly #known = new Map<string, Promise<string>>();

  constructor(options: ModuleStoreOptions) {
    this.#options = options;
  }

  /** The module's file. Rejects when it cannot be had, or is not what it should be; the next call tries again. */
  async file(module: WantedModule): Promise<string> {
    const { url, sha256, generation } = module;
    const refetch = module.refetch ?? (isImage(url) && parseImageReference(url).wanted === "latest");
    const keyOf = (asked: string): string => JSON.stringify([url, sha256, asked]);
    const key = keyOf(refetch ? generation : "");
    const known = this.#known.get(key);
    if (known !== undefined && (await isFresh(await known))) return await known;
    const file = this.#fetched(module);
    this.#known.set(key, file);
    file.then(
      () => this.#known.set(keyOf(""), file),
      () => this.#known.delete(key),
    );
    return await file;
  }

  async #fetched(module: WantedModule): Promise<string> {
    await mkdir(this.#options.directory, { recursive: true, mode: 0o700 });
    const file = isImage(module.url) ? await this.#fromImage(module) : await this.#fromUrl(module);
    await this.#prune(file);
    return file;
  }

  async #fromUrl({ url, sha256 }: WantedModule): Promise<string> {
    const expected = sha256 === "" ? undefined : this.#path(sha256);
    if (expected !== undefined && (await isFresh(expected))) return expected;
    const bytes = await this.#trying(url, () => download(url, this.#isInsecure(new URL(url).host)));
    const digest = createHash("sha256").update(bytes).digest("hex");
    if (sha256 !== "" && digest !== sha256) throw new Error(`its sha256 is ${digest}, and should be ${sha256}`);
    return await written(this.#path(digest), bytes);
  }

  /** Kept under the digest of the image's manifest, or of the index by which it is pinned. */
  async #fromImage({ url, sha256, credentials }: WantedModule): Promise<string> {
    const { registry, digest = "" } = parseImageReference(url);
    const pin = digest.startsWith("sha256:") ? digest.slice("sha256:".length) : sha256;
    if (sha256 !== "" && pin !== sha256)
      throw new FinalError(`its reference names ${digest}, and its sha256 should be ${sha256}`);
    const pinned = pin === "" ? undefined : this.#path(`image-${pin}`);
    if (pinned !== undefined && (await isFresh(pinned))) return pinned;
    const insecure = this.#isInsecure(registry);
    return await this.#trying(url, async () => {
      const config = await (credentials?.() ?? this.#ownDockerConfig());
      const own = config === undefined ? undefined : credentialsFor(registry, config);
      const image = await findImage(url, { credentials: own, insecure, timeoutMs }, largestBytes);
      const [manifest = ""] = image.digests;
      if (sha256 !== "" && !image.digests.includes(sha256))
        throw new FinalError(
          `the sha256 of its manifest is ${image.digests.join(", of its index ")}, and should be ${sha256}`,
        );
      const path = pinned ?? this.#path(`image-${manifest}`);
      return (await isFresh(path)) ? path : await written(path, await image.module());
    });
  }

  async #ownDockerConfig(): Promise<string | undefined> {
    const { dockerConfig } = this.#options;
    if (dockerConfig === undefined) return undefined;
    return await readFile(join(dockerConfig, "config.json"), "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
  }

  #isInsecure(host: string): boolean {
    const { insecureRegistries = [] } = this.#options;
    return insecureRegistries.includes("*") || insecureRegistries.includes(host);
  }

  #path(name: string): string {
    return join(this.#options.directory, `${name}.wasm`);
  }

  async #trying<Result>(url: string, act: () => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await act();
      } catch (error) {
        if (attempt === attempts || error instanceof FinalError) throw error;
        this.#options.logger.warn({ url, attempt, err: error }, "a module could not be fetched, trying again");
        await new Promise((resolve) => setTimeout(resolve, this.#options.retryMs ?? 1_000));
      }
    }
  }

  /** Those that were not used for longest go. */
  async #prune(newest: string): Promise<void> {
    const { directory } = this.#options;
    const names = (await readdir(directory)).filter((name) => name.endsWith(".wasm"));
    if (names.length <= capacity) return;
    const paths = names.map((name) => join(directory, name));
    const aged = await Promise.all(paths.map(async (path) => ({ path, at: (await stat(path)).mtimeMs })));
    const old = aged.sort((left, right) => left.at - right.at).slice(0, names.length - capacity);
    for (const { path } of old) if (path !== newest) await rm(path, { force: true });
  }
}

async function download(url: string, anyCertificate: boolean): Promise<Buffer> {
  const { status, body } = await get(url, { timeoutMs, largestBytes, anyCertificate });
  if (status === 200) return body;
  throw status < 500 && status !== 408 && status !== 429
    ? new FinalError(`${url} answers ${status}`)
    : new Error(`${url} answers ${status}`);
}

/** At once or not at all: the whole file takes its name when it is there. */
async function written(path: string, bytes: Buffer): Promise<string> {
  if (!bytes.subarray(0, magic.length).equals(magic)) throw new FinalError("it is not a WebAssembly module");
  const scratch = `${path}.${randomUUID()}.part`;
  await writeFile(scratch, bytes, { mode: 0o644 });
  await rename(scratch, path);
  return path;
}

/** Whether the file is there; it counts as used. */
async function isFresh(path: string): Promise<boolean> {
  const now = new Date();
  return await utimes(path, now, now).then(
    () => true,
    () => false,
  );
}
