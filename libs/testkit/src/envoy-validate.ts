import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
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
    const [clusters, endpoints, listeners, routes] = await Promise.all(
      ["cds", "eds", "lds", "rds"].map((type) => resourcesIn(join(caseFolder, "xds", `${type}.golden.yaml`))),
    );
    const bootstrap = validationBootstrap({
      clusters: clusters ?? [],
      endpoints: endpoints ?? [],
      listeners: listeners ?? [],
      routes: routes ?? [],
    });
    const path = join(folder, "envoy.json");
    await writeFile(path, JSON.stringify(await certificateFiles(bootstrap, folder)));
    return await runEnvoy(envoyPath, path, join(folder, "output"));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function resourcesIn(path: string): Promise<readonly JsonObject[]> {
  return (parse(await readFile(path, "utf8")) as { resources?: JsonObject[] } | null)?.resources ?? [];
}

/** Into a file: access logs open /dev/stdout, which the sockets that Node uses for pipes do not allow. */
async function runEnvoy(envoyPath: string, config: string, outputPath: string): Promise<EnvoyVerdict> {
  await using output = await open(outputPath, "w");
  const options = ["--mode", "validate", "--concurrency", "1", "--log-level", "warn", "-c", config];
  const envoy = spawn(envoyPath, options, { stdio: ["ignore", output.fd, output.fd], timeout: 600_000 });
  const [code] = (await once(envoy, "close")) as [number | null];
  return { accepted: code === 0, output: (await readFile(outputPath, "utf8")).trim() };
}
