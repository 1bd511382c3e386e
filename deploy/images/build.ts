/**
 * `pnpm images [service...]`: bundles each service into one folder and builds its image.
 *
 * Settings: IMAGE_REPOSITORY (default localhost/lateen), IMAGE_TAG (dev), IMAGE_BUILDER (docker, podman or buildah;
 * default the first that works), IMAGE_BUILD_FLAGS (more flags for it), NODE_IMAGE and ENVOY_IMAGE (base images).
 * An image is named <repository>/<service>:<tag>; that of node-agent, which holds Envoy too, <repository>/proxy:<tag>.
 */
import { cp, readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { bundle, findServices } from "./bundle.ts";
import { findEngine } from "./engine.ts";
import type { Engine } from "./engine.ts";

const root = join(import.meta.dirname, "../..");

interface BuiltImage {
  readonly reference: string;
  readonly bundleBytes: number;
  readonly imageBytes: number | undefined;
  readonly seconds: number;
}

export function imageReference(service: string, env: NodeJS.ProcessEnv = process.env): string {
  const repository = env["IMAGE_REPOSITORY"] || "localhost/lateen";
  return `${repository}/${service === "node-agent" ? "proxy" : service}:${env["IMAGE_TAG"] || "dev"}`;
}

async function buildImage(service: string, engine: Engine, env: NodeJS.ProcessEnv): Promise<BuiltImage> {
  const started = Date.now();
  const context = join(root, "dist/images", service);
  await bundle(root, service, context);
  const bundleBytes = await folderSize(context);
  if (service === "node-agent") await cp(join(root, "deploy/images/proxy"), context, { recursive: true });
  const reference = imageReference(service, env);
  const bases = ["NODE_IMAGE", "ENVOY_IMAGE"].flatMap((name) => (env[name] ? [[name, env[name]] as const] : []));
  await engine.build({
    reference,
    dockerfile: join(root, "services", service, "Dockerfile"),
    context,
    arguments: { LATEEN_VERSION: env["IMAGE_TAG"] || "dev", ...Object.fromEntries(bases) },
    flags: (env["IMAGE_BUILD_FLAGS"] ?? "").split(/\s+/).filter((flag) => flag !== ""),
  });
  return { reference, bundleBytes, imageBytes: await engine.size(reference), seconds: (Date.now() - started) / 1000 };
}

async function folderSize(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const sizes = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(async (entry) => (await stat(join(entry.parentPath, entry.name))).size),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

function megabytes(bytes: number | undefined): string {
  return bytes === undefined ? "?" : `${(bytes / 1e6).toFixed(1)} MB`;
}

async function main(asked: readonly string[]): Promise<void> {
  const known = await findServices(root);
  const unknown = asked.filter((service) => !known.includes(service));
  if (unknown.length > 0)
    throw new Error(`no image for ${unknown.join(", ")}; there is one for each of ${known.join(", ")}`);
  const engine = await findEngine(process.env["IMAGE_BUILDER"] || undefined);
  for (const service of asked.length > 0 ? asked : known) {
    const { reference, bundleBytes, imageBytes, seconds } = await buildImage(service, engine, process.env);
    console.log(
      `${reference.padEnd(48)} image ${megabytes(imageBytes).padStart(9)}  bundle ${megabytes(bundleBytes).padStart(8)}  ${seconds.toFixed(1)} s`,
    );
  }
}

if (process.argv[1] !== undefined && dirname(process.argv[1]) === import.meta.dirname) {
  main(process.argv.slice(2)).catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
}
