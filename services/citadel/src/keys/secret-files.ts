import { randomBytes } from "node:crypto";
import { chmod, link, mkdir, readFile, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { MeshError } from "@lateen/runtime";
import { citadelCodes } from "../errors.ts";

/** Every file of a folder by name, undefined where there is no such folder. Refuses a key that others may read. */
export async function readSecretFolder(folder: string): Promise<ReadonlyMap<string, string> | undefined> {
  const entries = await orUndefined(readdir(folder));
  if (!entries) return undefined;
  const names = entries.filter((name) => !name.startsWith("."));
  return new Map(await Promise.all(names.map(async (name) => [name, await readSecret(join(folder, name))] as const)));
}

/** Makes the whole folder appear at once. False, and no change, where one with content exists. */
export async function createSecretFolder(folder: string, files: ReadonlyMap<string, string>): Promise<boolean> {
  const scratch = `${folder}.${randomBytes(6).toString("hex")}`;
  await mkdir(scratch, { recursive: true, mode: 0o700 });
  try {
    for (const [name, content] of files) await writeFile(join(scratch, name), content, { mode: 0o600 });
    await rename(scratch, folder); // refused where the target has content
    return true;
  } catch (error) {
    if (["ENOTEMPTY", "EEXIST"].includes(codeOf(error))) return false;
    throw error;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Replaces one file at once, or creates it. */
export async function replaceSecretFile(path: string, content: string): Promise<void> {
  const scratch = await writeScratch(path, content);
  await rename(scratch, path);
}

/** The file's content; where there is none, `create` makes it. Of several that create, one wins and all get it. */
export async function readOrCreateSecretFile(path: string, create: () => Promise<string>): Promise<string> {
  const existing = await orUndefined(readSecret(path));
  if (existing !== undefined) return existing;
  const scratch = await writeScratch(path, await create());
  try {
    await link(scratch, path);
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  } finally {
    await rm(scratch, { force: true });
  }
  return readSecret(path);
}

async function writeScratch(path: string, content: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const scratch = join(dirname(path), `.${randomBytes(6).toString("hex")}`);
  await writeFile(scratch, content, { mode: 0o600, flag: "wx" });
  await chmod(scratch, 0o600); // whatever the umask
  return scratch;
}

async function readSecret(path: string): Promise<string> {
  const { mode } = await stat(path);
  if (basename(path).includes("key") && (mode & 0o077) !== 0) {
    throw new MeshError(
      citadelCodes.keyExposed,
      `${path} may be read by others (mode ${(mode & 0o777).toString(8)}): chmod 600 it, or remove it to have a new one made`,
    );
  }
  return readFile(path, "utf8");
}

async function orUndefined<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | undefined)?.code ?? "");
}
