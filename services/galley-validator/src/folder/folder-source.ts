import type { Logger } from "@lateen/runtime";
import { fields, toError } from "@lateen/runtime";
import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Intake } from "../intake/claim.ts";
import type { IntakeOptions } from "../intake/read-object.ts";
import { readText } from "../intake/read-text.ts";
import type { Sink, Source } from "../source.ts";
import { DirectoryWatches } from "./directory-watches.ts";
import { isConfigFile, scanFolder } from "./scan.ts";
import { doubtMs, goneMs } from "./settling.ts";

export interface FolderOptions {
  readonly directory: string;
  readonly intake: IntakeOptions;
  readonly logger: Logger;
  /** How long events are gathered before files are read; default 5 ms. */
  readonly coalesceMs?: number;
  /** How often everything is looked at again, whatever the events said; default 3 s. */
  readonly rescanMs?: number;
  /** How long a file that looks half-written must be left alone before it is believed; default by what it looks like. */
  readonly settleMs?: number;
}

const defaultRescanMs = 3_000;

/** Stands for the hash of a file that could not be read. */
const unreadable = "";

interface KnownFile {
  readonly signature: string;
  readonly hash: string;
  readonly intake: Intake;
}

/**
 * Follows every YAML and JSON file under a folder. A file that cannot be read or parsed keeps what it said last; one that
 * looks half-written is read again once it is left alone. A folder that vanishes is a problem, not an empty mesh.
 */
export class FolderSource implements Source {
  readonly #options: FolderOptions;
  readonly #root: string;
  readonly #files = new Map<string, KnownFile>();
  /** Files to look at again at a time (Unix ms), because they looked half-written or gone. */
  readonly #recheck = new Map<string, number>();
  readonly #touched = new Set<string>();
  #scanWanted = true;
  #problem: string | undefined = "the folder has not been read yet";
  #wake = Promise.withResolvers<void>();

  constructor(options: FolderOptions) {
    this.#options = options;
    this.#root = resolve(options.directory);
  }

  problem(): string | undefined {
    return this.#problem;
  }

  async run(sink: Sink, signal: AbortSignal): Promise<void> {
    const watches = new DirectoryWatches((path) => this.#onEvent(path));
    const wake = (): void => this.#wake.resolve();
    signal.addEventListener("abort", wake, { once: true });
    try {
      for (let synced = false; !signal.aborted; ) {
        const changes = new Map<string, Intake | undefined>();
        const savedAt: number[] = [];
        if (this.#scanWanted) await this.#scan(watches);
        await this.#readTouched(changes, savedAt);
        if (changes.size > 0) sink.take(changes, Math.min(...savedAt));
        if (!synced && this.#problem === undefined && this.#settled()) {
          synced = true;
          sink.synced();
        }
        await this.#pause();
        if (!signal.aborted) await sleep(this.#options.coalesceMs ?? 5);
      }
    } finally {
      watches.close();
    }
  }

  /** Whether every file has been read, or found to be unreadable. */
  #settled(): boolean {
    return [...this.#recheck.keys()].every((path) => this.#files.get(path)?.hash === unreadable);
  }

  #onEvent(path: string | undefined): void {
    if (path !== undefined && isConfigFile(path) && !path.slice(this.#root.length).includes("/."))
      this.#touched.add(relative(this.#root, path));
    else this.#scanWanted = true; // a folder, a link behind files, or we do not know
    this.#wake.resolve();
  }

  /** Waits for an event, a file to look at again, or the next rescan. */
  async #pause(): Promise<void> {
    if (this.#touched.size > 0 || this.#scanWanted) return;
    const rescanMs = this.#options.rescanMs ?? defaultRescanMs;
    const next = Math.min(rescanMs, ...[...this.#recheck.values()].map((at) => at - Date.now()));
    const timer = setTimeout(
      () => {
        this.#scanWanted = next === rescanMs;
        this.#wake.resolve();
      },
      Math.max(1, next),
    );
    await this.#wake.promise;
    clearTimeout(timer);
    this.#wake = Promise.withResolvers();
  }

  /** Finds files whose signature changed, and new ones, and those that are gone. */
  async #scan(watches: DirectoryWatches): Promise<void> {
    this.#scanWanted = false;
    try {
      let found = await scanFolder(this.#root);
      while (watches.set(found.directories)) found = await scanFolder(this.#root); // what came before the watch began
      const present = new Set(found.files.map((file) => file.path));
      for (const file of found.files)
        if (this.#files.get(file.path)?.signature !== file.signature) this.#touched.add(file.path);
      for (const path of this.#files.keys()) if (!present.has(path)) this.#touched.add(path);
      this.#setProblem(undefined);
    } catch (error) {
      watches.set([]);
      this.#setProblem(`cannot read the folder ${this.#root}: ${toError(error).message}`);
    }
  }

  async #readTouched(changes: Map<string, Intake | undefined>, savedAt: number[]): Promise<void> {
    const now = Date.now();
    for (const [path, at] of this.#recheck) if (at <= now) this.#touched.add(path);
    const paths = [...this.#touched].sort();
    this.#touched.clear();
    if (this.#problem !== undefined) return;
    for (const path of paths) {
      const result = await this.#read(path);
      if (!result) continue;
      changes.set(path, result.intake);
      savedAt.push(result.savedAtMs);
    }
  }

  /** What the file says, if that is new and can be believed. */
  async #read(path: string): Promise<{ intake: Intake | undefined; savedAtMs: number } | undefined> {
    const absolute = join(this.#root, path);
    const known = this.#files.get(path);
    try {
      const status = await stat(absolute, { bigint: true });
      if (!status.isFile()) return await this.#missing(path);
      const text = await readFile(absolute, "utf8");
      const signature = `${status.dev}:${status.ino}:${status.size}:${status.mtimeNs}:${status.ctimeNs}`;
      const hash = createHash("sha256").update(text).digest("base64");
      if (known?.hash === hash) {
        this.#files.set(path, { ...known, signature });
        this.#recheck.delete(path);
        return undefined;
      }
      const intake = readText(text, path, this.#options.intake);
      const savedAtMs = Math.min(Date.now(), Math.max(Number(status.mtimeMs), Number(status.ctimeMs)));
      const claimed = known?.intake.claims.map((claim) => claim.key) ?? [];
      const doubt = doubtMs({ text, intake, claimed });
      const believedAt = savedAtMs + (doubt === 0 ? 0 : (this.#options.settleMs ?? doubt));
      if (Date.now() < believedAt) {
        this.#recheck.set(path, believedAt);
        return undefined;
      }
      this.#recheck.delete(path);
      this.#files.set(path, { signature, hash, intake });
      return { intake, savedAtMs };
    } catch (error) {
      return isMissing(error) ? await this.#missing(path) : this.#unreadable(path, toError(error));
    }
  }

  /** Some editors take a file away for a moment while they save it. */
  async #missing(path: string): Promise<{ intake: undefined; savedAtMs: number } | undefined> {
    if (!this.#files.has(path)) return void this.#recheck.delete(path);
    const at = this.#recheck.get(path);
    const now = Date.now();
    const folderGone = await stat(this.#root).then(
      () => false,
      () => true,
    );
    if (folderGone) this.#scanWanted = true;
    if (at === undefined || at > now || folderGone) {
      this.#recheck.set(path, at !== undefined && at > now ? at : now + goneMs);
      return undefined;
    }
    this.#recheck.delete(path);
    this.#files.delete(path);
    return { intake: undefined, savedAtMs: now - goneMs };
  }

  #unreadable(path: string, error: Error): { intake: Intake; savedAtMs: number } | undefined {
    this.#recheck.set(path, Date.now() + (this.#options.rescanMs ?? defaultRescanMs));
    const object = { kind: "", namespace: "", name: "", file: path };
    const violation = {
      object,
      path: "",
      severity: "error",
      code: "unreadable",
      message: `cannot be read (${error.message}); what it said last keeps serving`,
    } as const;
    const intake = { claims: [], violations: [violation], broken: true };
    const known = this.#files.get(path);
    if (known?.hash === unreadable) return undefined;
    this.#files.set(path, {
      signature: known?.signature ?? "",
      hash: unreadable,
      intake: { ...intake, claims: known?.intake.claims ?? [] },
    });
    return { intake, savedAtMs: Date.now() };
  }

  #setProblem(problem: string | undefined): void {
    if (problem !== undefined && problem !== this.#problem)
      this.#options.logger.warn({ [fields.reason]: problem }, "folder cannot be followed, everything keeps serving");
    if (problem === undefined && this.#problem !== undefined)
      this.#options.logger.info({ [fields.address]: this.#root }, "following folder");
    this.#problem = problem;
  }
}

function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === "ENOENT" || code === "ENOTDIR";
}
