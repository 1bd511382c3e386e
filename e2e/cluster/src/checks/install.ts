import { eventually } from "@lateen/e2e-harness";
import { run } from "node:test";
import { join } from "node:path";
import { buildImages, loadImages } from "../images.ts";
import { takeInventory } from "../inventory.ts";
import { clearLeftovers, makeNamespace, refuseForeignCrds, services, type World } from "../world.ts";

/** `chart.test.ts`: what can be said of the chart without a cluster. */
export async function chartRenders(): Promise<string> {
  let passed = 0;
  const failed: string[] = [];
  const stream = run({ files: [join(import.meta.dirname, "../chart.test.ts")], isolation: "none" });
  stream.on("test:pass", (event) => {
    if (event.details.type !== "suite") passed += 1;
  });
  stream.on("test:fail", (event) => {
    if (event.details.type !== "suite")
      failed.push(`${event.name}: ${String(event.details.error.cause ?? event.details.error)}`);
  });
  for await (const _event of stream);
  if (failed.length > 0 || passed === 0) throw new Error(failed.join("\n") || "no test was run");
  return `${passed} tests`;
}

export async function imagesAreThere(world: World): Promise<string> {
  const { settings } = world;
  if (settings.skipImages) return `skipped, ${settings.imageRepository}/*:${settings.imageTag} are taken to be there`;
  const started = Date.now();
  await buildImages(world);
  const built = Date.now();
  const images = await loadImages(world);
  return `${images.length} images built in ${((built - started) / 1000).toFixed(1)} s, loaded in ${((Date.now() - built) / 1000).toFixed(1)} s`;
}

/** The cluster as it was is remembered first: at the end it must be so again. */
export async function installs(world: World): Promise<string> {
  const { cluster, settings } = world;
  if (await clearLeftovers(world)) world.print("         removed what an earlier run left");
  await refuseForeignCrds(world);
  world.before = await takeInventory(cluster);
  await makeNamespace(world, world.system);
  const started = Date.now();
  const images = ["--set-string", `image.repository=${settings.imageRepository},image.tag=${settings.imageTag}`];
  await world.release.install([...images, ...settings.helmArguments], 720_000);
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  await allReady(world);
  const pods = await cluster.list("pods", "-n", world.system);
  return `${pods.length} pods ready ${seconds} s after helm install began`;
}

/** Each service says so itself, at /readyz, through the API server; and no container was restarted on the way. */
async function allReady(world: World): Promise<void> {
  for (const service of services) {
    const path = `/api/v1/namespaces/${world.system}/services/lateen-${service}:15014/proxy/readyz`;
    await eventually(() => world.cluster.kubectl(["get", "--raw", path]), {
      what: `${service} answers /readyz with 200`,
      timeoutMs: 60_000,
      intervalMs: 500,
    });
  }
}
