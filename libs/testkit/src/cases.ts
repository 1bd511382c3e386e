import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import type { ProxyBinary } from "@lateen/model";
import { readMesh } from "./mesh.ts";
import type { MeshObjects } from "./mesh.ts";

/** One folder under `cases/`: a mesh, a proxy in it, and what every stage makes of them. */
export interface Case {
  readonly name: string;
  readonly folder: string;
  path(file: string): string;
  /** What is in `config.yaml`. Throws when it is not valid: a case with mistakes tests nothing. */
  mesh(): Promise<MeshObjects>;
  proxy(): Promise<CaseProxy>;
  readYaml(file: string): Promise<unknown>;
}

/** A proxy as its xDS node says: `proxy.yaml`. */
export interface CaseProxy {
  readonly id: string;
  readonly metadata: unknown;
  readonly extensions?: readonly string[];
  /** What the installation decides, where it is not the default. */
  readonly installation?: { readonly dualStack?: boolean; readonly verifyServers?: boolean };
  /** `region/zone/subzone` of its xDS node. */
  readonly locality?: string;
  /** `1.40`; a proxy that does not say gets nothing that the oldest release does not know. */
  readonly envoy?: string;
}

/** What the proxy of a case says of its binary. */
export function binaryOf({
  extensions = [],
  envoy,
  locality,
}: Pick<CaseProxy, "extensions" | "envoy" | "locality">): ProxyBinary {
  const [region = "", zone = "", subzone = ""] = (locality ?? "").split("/");
  const place = locality === undefined ? {} : { locality: { region, zone, subzone } };
  if (envoy === undefined) return { extensions, ...place };
  const [major = 0, minor = 0] = envoy.split(".").map(Number);
  return { extensions, ...place, release: { major, minor } };
}

/**
 * Whether the case is for this release of Envoy: what only a newer one knows may be in its goldens, or they are a gRPC
 * library's.
 */
export async function runsOn(scenario: Case, version: string): Promise<boolean> {
  const { envoy, metadata } = await scenario.proxy();
  if ((metadata as { GENERATOR?: string } | undefined)?.GENERATOR === "grpc") return false;
  return envoy === undefined || Number(envoy.split(".")[1]) <= Number(version.split(".")[1]);
}

export const casesFolder = fileURLToPath(new URL("../cases", import.meta.url));

export async function listCases(): Promise<readonly Case[]> {
  const entries = await readdir(casesFolder, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => caseAt(entry.name))
    .sort((left, right) => (left.name < right.name ? -1 : 1));
}

function caseAt(name: string): Case {
  const folder = join(casesFolder, name);
  const path = (file: string): string => join(folder, file);
  const readYaml = async (file: string): Promise<unknown> => parse(await readFile(path(file), "utf8"));
  return {
    name,
    folder,
    path,
    readYaml,
    mesh: async () => readMesh(await readFile(path("config.yaml"), "utf8"), `cases/${name}/config.yaml`),
    proxy: async () => (await readYaml("proxy.yaml")) as CaseProxy,
  };
}
