import { createHash } from "node:crypto";
import { mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "@lateen/runtime";

export interface WantedModule {
  readonly url: string;
  /** Hexadecimal; empty when the owner did not say. */
  readonly sha256: string;
  /** Ask for it again although it is there. */
  readonly refetch: boolean;
  /** Of the object that wants it: the same one does not ask twice. */
  readonly generation: string;
}

export interface ModuleStoreOptions {
  readonly directory: string;
  readonly logger: Logger;
  /** Between attempts; default 1 s. */
  readonly retryMs?: number;
}

const attempts = 3;
const timeoutMs = 30_000;
const largestBytes = 256 * 1024 * 1024;
/** Modules kept on the disk. */
const capacity = 32;
const magic = Buffer.from([0x00, 0x61, 0x73, 0x6d]);

/** WebAssembly modules from the network, as files that Envoy can read. */
export class ModuleStore {
  readonly #options: ModuleStoreOptions;
  readonly #known = new Map<string, Promise<string>>();

  constructor(options: ModuleStoreOptions) {
    this.#options = options;
  }

  /** The module's file. Rejects when it cannot be had, or is not what it should be; the next call tries again. */
  async file(module: WantedModule): Promise<string> {
    const key = JSON.stringify([module.url, module.sha256, module.refetch ? module.generation : ""]);
    const known = this.#known.get(key);
    if (known !== undefined) return await known;
    const file = this.#fetched(module);
    this.#known.set(key, file);
    file.catch(() => this.#known.delete(key));
    return await file;
  }

  async #fetched(module: WantedModule): Promise<string> {
    const { directory } = this.#options;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const expected = module.sha256 === "" ? undefined : join(directory, `${module.sha256}.wasm`);
    if (expected !== undefined && (await isThere(expected))) return expected;
    const bytes = await this.#download(module.url);
    const digest = createHash("sha256").update(bytes).digest("hex");
    if (module.sha256 !== "" && digest !== module.sha256)
      throw new Error(`its sha256 is ${digest}, and should be ${module.sha256}`);
    if (!bytes.subarray(0, magic.length).equals(magic)) throw new Error("it is not a WebAssembly module");
    const path = join(directory, `${digest}.wasm`);
    const scratch = `${path}.${process.pid}.part`;
    await writeFile(scratch, bytes, { mode: 0o644 });
    await rename(scratch, path);
    await this.#prune(path);
    return path;
  }

  async #download(url: string): Promise<Buffer> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await download(url);
      } catch (error) {
        if (attempt === attempts) throw error;
        this.#options.logger.warn({ url, attempt, err: error }, "a module could not be fetched, trying again");
        await new Promise((resolve) => setTimeout(resolve, this.#options.retryMs ?? 1_000));
      }
    }
  }

  /** The oldest files go. */
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

async function download(url: string): Promise<Buffer> {
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
  if (!response.ok || response.body === null) throw new Error(`${url} answers ${response.status}`);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.byteLength;
    if (size > largestBytes) throw new Error(`${url} is larger than ${largestBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function isThere(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
