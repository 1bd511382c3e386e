import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { stringify } from "yaml";

/** Set `UPDATE_GOLDEN=1` to rewrite what differs. */
export function updating(): boolean {
  return process.env["UPDATE_GOLDEN"] === "1";
}

/** YAML in which equal values are equal text: no aliases, no wrapping, keys in the order they have. */
export function toStableYaml(value: unknown): string {
  return stringify(value, { aliasDuplicateObjects: false, lineWidth: 0, indentSeq: false });
}

/** Compares, or rewrites under UPDATE_GOLDEN=1. CI rejects a dirty tree, so every update is reviewed. */
export async function expectGolden(path: string, actual: unknown): Promise<void> {
  const text = toStableYaml(actual);
  if (updating()) {
    await mkdir(dirname(path), { recursive: true });
    return await writeFile(path, text);
  }
  const expected = await readFile(path, "utf8").catch(() => "");
  assert.equal(text, expected, `${path} differs; rerun with UPDATE_GOLDEN=1 and read the diff`);
}

/** Files in `folder` that are no golden of `names` fail the test, or are deleted under UPDATE_GOLDEN=1. */
export async function expectNoOrphans(folder: string, names: readonly string[]): Promise<void> {
  const found = await readdir(folder).catch(() => []);
  const orphans = found.filter((name) => name.endsWith(".golden.yaml") && !names.includes(name));
  if (updating()) await Promise.all(orphans.map((name) => rm(join(folder, name))));
  else assert.deepEqual(orphans, [], `${folder} holds goldens that nothing writes; rerun with UPDATE_GOLDEN=1`);
}
