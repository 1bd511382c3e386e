import { build } from "esbuild";
import { existsSync } from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

/** CommonJS dependencies inside an ES module still expect these names. */
const commonJsNames = [
  'import { createRequire as createRequireOfBundle } from "node:module";',
  'import { dirname as dirnameOfBundle } from "node:path";',
  "const require = createRequireOfBundle(import.meta.url);",
  "const __filename = import.meta.filename;",
  "const __dirname = dirnameOfBundle(__filename);",
].join("\n");

/** Services that become an image: those with a main.ts and a Dockerfile. */
export async function findServices(root: string): Promise<string[]> {
  const folders = await readdir(join(root, "services"));
  const has = (service: string, file: string) => existsSync(join(root, "services", service, file));
  return folders.filter((service) => has(service, "src/main.ts") && has(service, "Dockerfile")).sort();
}

/** Writes main.mjs, and a chunk for each lazy import, into `folder`. Names and line structure of stacks stay readable. */
export async function bundle(root: string, service: string, folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await build({
    entryPoints: { main: join(root, "services", service, "src/main.ts") },
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    // A lazy import of CommonJS would have a default export only; what has an ES module is taken as that.
    mainFields: ["module", "main"],
    banner: { js: commonJsNames },
    minifyWhitespace: true,
    minifySyntax: true,
    // Node 24 has it; esbuild would make calls of its own of it. So would keepNames, one for each function that is made.
    supported: { using: true },
    legalComments: "linked",
    logLevel: "warning",
  });
}
