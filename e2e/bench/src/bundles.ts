import { existsSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Program, repository, type TempDir } from "@lateen/e2e-harness";

/** A service as its image holds it. */
export interface Bundle extends Program {
  readonly service: string;
  readonly bytes: number;
}

interface Bundler {
  findServices(root: string): Promise<readonly string[]>;
  bundle(root: string, service: string, folder: string): Promise<void>;
}

/** Bundles every service afresh, with the images' own bundler, which is a script and no package's entry. */
export async function bundleServices(directory: TempDir): Promise<readonly Bundle[]> {
  const script = join(repository, "deploy/images/bundle.ts");
  if (!existsSync(script)) return [];
  const { bundle, findServices } = (await import(pathToFileURL(script).href)) as Bundler;
  const bundles: Bundle[] = [];
  for (const service of await findServices(repository)) {
    const folder = directory.join(service);
    await bundle(repository, service, folder);
    const [settings, bytes] = await Promise.all([imageSettings(service), folderSize(folder)]);
    bundles.push({ service, entry: join(folder, "main.mjs"), ...settings, bytes });
  }
  return bundles;
}

/** What the image's Dockerfile sets that shapes a process: heap and thread settings, Node's flags. */
async function imageSettings(service: string): Promise<Pick<Program, "env" | "flags">> {
  const dockerfile = await readFile(join(repository, "services", service, "Dockerfile"), "utf8");
  const settings = dockerfile.matchAll(/\b(NODE_OPTIONS|NODE_ENV|MALLOC_ARENA_MAX|UV_THREADPOOL_SIZE)=("[^"]*"|\S+)/g);
  const env = Object.fromEntries([...settings].map(([, name = "", value = ""]) => [name, value.replaceAll('"', "")]));
  const [, entrypoint = "[]"] = /^ENTRYPOINT (\[.*\])$/m.exec(dockerfile) ?? [];
  return { env, flags: (JSON.parse(entrypoint) as string[]).filter((part) => part.startsWith("--")) };
}

async function folderSize(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(files.map(async (entry) => (await stat(join(entry.parentPath, entry.name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
