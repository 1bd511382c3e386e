import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import type { JsonObject } from "@bufbuild/protobuf";
import { validationBootstrap } from "./bootstrap.ts";
import { certificateFiles } from "./certificate-files.ts";

export interface EnvoyVerdict {
  readonly accepted: boolean;
  /** What Envoy said about it. */
  readonly output: string;
}

/** Lets a real Envoy check all goldens of one case, with certificates in place of files the case names. */
export async function validateCase(caseFolder: string, envoyPath: string): Promise<EnvoyVerdict> {
  const folder = await mkdtemp(join(tmpdir(), "lateen-case-"));
  try {
    const [clusters, endpoints, listeners, routes] = await Promise.all(["cds", "eds", "lds", "rds"].map((type) => resourcesIn(join(caseFolder, "xds", `${type}.golden.yaml`))));
    const bootstrap = validationBootstrap({ clusters: clusters ?? [], endpoints: endpoints ?? [], listeners: listeners ?? [], routes: routes ?? [] });
    const path = join(folder, "envoy.json");
    await writeFile(path, JSON.stringify(await certificateFiles(bootstrap, folder)));
    return await runEnvoy(envoyPath, path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function resourcesIn(path: string): Promise<readonly JsonObject[]> {
  return ((parse(await readFile(path, "utf8")) as { resources?: JsonObject[] } | null)?.resources) ?? [];
}

function runEnvoy(envoyPath: string, config: string): Promise<EnvoyVerdict> {
  const options = ["--mode", "validate", "--concurrency", "1", "--log-level", "warn", "-c", config];
  return new Promise((resolve) => {
    execFile(envoyPath, options, { timeout: 60_000, maxBuffer: 16_000_000 }, (error, stdout, stderr) => {
      resolve({ accepted: error === null, output: `${stdout}${stderr}`.trim() || (error?.message ?? "") });
    });
  });
}
