import { cp, mkdir, readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const template = fileURLToPath(new URL("../../../../deploy/local/demo/", import.meta.url));

/** Fills `directory` with the demo's YAML unless it holds something already; a second run keeps the user's edits. */
export async function ensureDemoConfig(directory: string): Promise<"filled" | "kept"> {
  await mkdir(directory, { recursive: true });
  if ((await readdir(directory)).length > 0) return "kept";
  await cp(template, directory, { recursive: true });
  return "filled";
}
