import { watch } from "node:fs";
import type { FSWatcher } from "node:fs";
import { join } from "node:path";

/** Watches a changing set of folders, each on its own: Node's recursive watch follows neither links nor their swaps. */
export class DirectoryWatches {
  readonly #watches = new Map<string, FSWatcher>();
  readonly #onEvent: (path: string | undefined) => void;

  /** `onEvent` is told the absolute path, or undefined where the system did not say. */
  constructor(onEvent: (path: string | undefined) => void) {
    this.#onEvent = onEvent;
  }

  /** Watches exactly these; true if one of them was not watched before. One that cannot be watched is left to the rescans. */
  set(directories: readonly string[]): boolean {
    const wanted = new Set(directories);
    for (const [directory, watcher] of this.#watches) if (!wanted.has(directory)) this.#drop(directory, watcher);
    const fresh = [...wanted].filter((directory) => !this.#watches.has(directory));
    return fresh.filter((directory) => this.#add(directory)).length > 0;
  }

  close(): void {
    this.set([]);
  }

  #add(directory: string): boolean {
    try {
      const watcher = watch(directory, { persistent: false }, (_event, name) =>
        this.#onEvent(name === null ? undefined : join(directory, name)),
      );
      watcher.on("error", () => this.#drop(directory, watcher));
      this.#watches.set(directory, watcher);
      return true;
    } catch {
      return false; // it is gone already, or the system has no watches left
    }
  }

  #drop(directory: string, watcher: FSWatcher): void {
    watcher.close();
    if (this.#watches.get(directory) === watcher) this.#watches.delete(directory);
  }
}
