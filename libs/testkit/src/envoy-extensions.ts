import { fileURLToPath } from "node:url";
import { readFile } from "node:fs/promises";
import { parse } from "yaml";

/** The extensions of one release as its node lists them: name → the messages that configure it. */
export type EnvoyExtensions = Readonly<Record<string, readonly string[]>>;

export function envoyExtensionsPath(version: string): string {
  return fileURLToPath(new URL(`../envoys/${version}.golden.yaml`, import.meta.url));
}

/** What an Envoy release contains; e2e holds the file against the binary. */
export async function envoyExtensions(version: string): Promise<EnvoyExtensions> {
  return parse(await readFile(envoyExtensionsPath(version), "utf8")) as EnvoyExtensions;
}
