import { readdir, stat } from "node:fs/promises";
import { join, relative } from "node:path";

export interface FoundFile {
  /** Below the folder, with forward slashes. */
  readonly path: string;
  /** Changes whenever the content may have. */
  readonly signature: string;
}

export interface Scan {
  readonly files: readonly FoundFile[];
  /** Absolute paths of every folder seen, the root included. */
  readonly directories: readonly string[];
}

/**
 * Lists a folder's YAML and JSON files, sorted. Names that begin with a dot are skipped: editors' temporary files, and
 * the hidden folders behind a ConfigMap mount, whose files appear as links anyway. Links are followed; a cycle of them
 * ends. Rejects where the root cannot be read; what vanishes meanwhile is left out.
 */
export async function scanFolder(root: string): Promise<Scan> {
  const files: FoundFile[] = [];
  const directories: string[] = [];
  const visited = new Set<string>();
  const visit = async (directory: string, isRoot: boolean): Promise<void> => {
    const identity = await stat(directory, { bigint: true });
    if (visited.has(`${identity.dev}:${identity.ino}`)) return;
    visited.add(`${identity.dev}:${identity.ino}`);
    const names = await readdir(directory).catch((error: unknown) => {
      if (isRoot) throw error;
      return [];
    });
    directories.push(directory);
    for (const name of names) if (!name.startsWith(".")) await visitEntry(join(directory, name));
  };
  const visitEntry = async (path: string): Promise<void> => {
    const found = await stat(path, { bigint: true }).catch(() => undefined);
    if (found?.isDirectory()) await visit(path, false).catch(() => undefined);
    else if (found?.isFile() && isConfigFile(path))
      files.push({
        path: toRelative(root, path),
        signature: `${found.dev}:${found.ino}:${found.size}:${found.mtimeNs}:${found.ctimeNs}`,
      });
  };
  await visit(root, true);
  return { files: files.sort((left, right) => (left.path < right.path ? -1 : 1)), directories };
}

export function isConfigFile(path: string): boolean {
  return /\.(ya?ml|json)$/i.test(path);
}

function toRelative(root: string, path: string): string {
  return relative(root, path).replaceAll("\\", "/");
}
