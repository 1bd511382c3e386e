import { writeFileSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { stringify } from "yaml";
import { TempDir } from "./temp-dir.ts";

/** A folder of manifests, as `lateen up --config` and galley-validator follow one. Removed on dispose. */
export class ConfigFolder implements AsyncDisposable {
  readonly #directory: TempDir;

  private constructor(directory: TempDir) {
    this.#directory = directory;
  }

  static async create(): Promise<ConfigFolder> {
    return new ConfigFolder(await TempDir.create());
  }

  get path(): string {
    return this.#directory.path;
  }

  /**
   * Writes in place, as `>` and most editors do. `content` is text, or manifests that become one multi-document file;
   * `name` may lie in a subfolder, which is made.
   */
  async write(name: string, content: string | readonly object[]): Promise<void> {
    await mkdir(dirname(this.#directory.join(name)), { recursive: true });
    writeFileSync(this.#directory.join(name), textOf(content)); // emptied and written without a pause
  }

  /** Writes beside it and renames, as careful editors do. */
  async replace(name: string, content: string | readonly object[]): Promise<void> {
    const scratch = this.#directory.join(`.${name}.tmp`);
    await writeFile(scratch, textOf(content));
    await rename(scratch, this.#directory.join(name));
  }

  async remove(name: string): Promise<void> {
    await rm(this.#directory.join(name));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#directory[Symbol.asyncDispose]();
  }
}

function textOf(content: string | readonly object[]): string {
  return typeof content === "string" ? content : content.map((manifest) => stringify(manifest)).join("---\n");
}
