import { repository } from "@lateen/e2e-harness";
import { attempt, capture } from "./command.ts";
import { imageOf, services, type World } from "./world.ts";

/** What pods of the suite and of the chart run besides the project's own. */
const baseImages = ["docker.io/library/node:24-bookworm-slim", "docker.io/library/nats:2"];

export async function buildImages({ settings }: World): Promise<void> {
  const env = { IMAGE_REPOSITORY: settings.imageRepository, IMAGE_TAG: settings.imageTag };
  await capture(process.execPath, ["deploy/images/build.ts"], { cwd: repository, env, timeoutMs: 600_000 });
}

/** Brings the images to the nodes. Base images that the loader does not have are left for the cluster to pull. */
export async function loadImages(world: World): Promise<readonly string[]> {
  const [program, ...args] = world.settings.imageLoader ?? [];
  const own = [...services, "proxy"].map((name) => imageOf(world, name));
  if (program === undefined) return own;
  const base = await attempt(program, [...args, ...baseImages], { timeoutMs: 300_000 });
  if (base.code !== 0)
    world.print(
      `         ${baseImages.join(" and ")} were not loaded (${base.stderr.trim().split("\n").at(-1) ?? ""}); the cluster has to pull them`,
    );
  await capture(program, [...args, ...own], { timeoutMs: 600_000 });
  return own;
}
