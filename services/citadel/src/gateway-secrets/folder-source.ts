import { type FSWatcher, watch } from "node:fs";
import { readFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Logger, fields } from "@lateen/runtime";
import { Latest } from "./latest.ts";
import { readSecretManifests } from "./manifests.ts";
import type { SecretData, SecretRef, SecretSource } from "./secret-source.ts";

export interface FolderSecretsOptions {
  readonly directory: string;
  readonly logger: Logger;
  /** How often everything is looked at, whatever the system's events said; default 2 s. */
  readonly rescanMs?: number;
}

/** How long a file may be empty before that is believed: editors empty one before they write it. */
const emptyMs = 1_000;

interface KnownFile {
  readonly signature: string;
  readonly secrets: ReadonlyMap<string, SecretData>;
}

/** Secret manifests in the YAML and JSON files of a folder, following edits. A file that cannot be parsed keeps what it said. */
export class FolderSecrets implements SecretSource {
  readonly #options: FolderSecretsOptions;
  #files = new Map<string, KnownFile>();
  readonly #state = new Latest<ReadonlyMap<string, SecretData>>();
  #wake = new AbortController();

  constructor(options: FolderSecretsOptions) {
    this.#options = options;
  }

  async *watch({ namespace, name }: SecretRef, signal: AbortSignal): AsyncGenerator<SecretData | undefined> {
    for await (const secrets of this.#state.follow(signal)) yield secrets.get(`${namespace}/${name}`);
  }

  async run(signal: AbortSignal): Promise<void> {
    using watching = this.#watchEvents();
    void watching;
    for (let first = true; !signal.aborted; first = false) {
      this.#wake = new AbortController();
      const changed = await this.#scan();
      if (changed || first) this.#publish();
      await sleep(this.#options.rescanMs ?? 2_000, undefined, {
        signal: AbortSignal.any([signal, this.#wake.signal]),
      }).catch(() => undefined);
      if (this.#wake.signal.aborted) await sleep(20); // an editor's several writes
    }
  }

  /** A shortcut only: what the events miss, the next scan finds. */
  #watchEvents(): Disposable {
    let watcher: FSWatcher | undefined;
    try {
      watcher = watch(this.#options.directory, { recursive: true, persistent: false }, () => this.#wake.abort());
      watcher.on("error", () => watcher?.close());
    } catch {
      watcher = undefined; // the folder is not there yet
    }
    return { [Symbol.dispose]: () => watcher?.close() };
  }

  async #scan(): Promise<boolean> {
    const next = new Map<string, KnownFile>();
    let changed = false;
    for (const path of await manifestPaths(this.#options.directory)) {
      const known = this.#files.get(path);
      const read = await this.#read(path, known);
      if (read) next.set(path, read);
      changed ||= read !== known;
    }
    changed ||= next.size !== this.#files.size;
    this.#files = next;
    return changed;
  }

  async #read(path: string, known: KnownFile | undefined): Promise<KnownFile | undefined> {
    try {
      const { mtimeMs, size, ino } = await stat(path);
      const signature = `${mtimeMs} ${size} ${ino}`;
      if (known?.signature === signature) return known;
      const text = await readFile(path, "utf8");
      if (text === "" && known && Date.now() - mtimeMs < emptyMs) return known;
      const { secrets, problems } = readSecretManifests(text);
      for (const problem of problems)
        this.#options.logger.warn({ [fields.origin]: path, [fields.reason]: problem }, "secret manifest not usable");
      const keep = secrets.size === 0 && problems.length > 0 ? known?.secrets : undefined;
      return { signature, secrets: keep ?? secrets };
    } catch {
      return undefined; // gone between the listing and now
    }
  }

  #publish(): void {
    this.#state.set(new Map([...this.#files.values()].flatMap(({ secrets }) => [...secrets])));
  }
}

async function manifestPaths(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => !entry.isDirectory() && /\.(ya?ml|json)$/.test(entry.name) && !entry.name.startsWith("."))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
