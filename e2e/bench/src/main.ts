/**
 * `pnpm bench [fleet|routes] [--json FILE]`: what the suite costs, measured on this machine, beside what it may cost.
 * Start to ready and idle memory of each service, image sizes, the time from saving a file to the last proxy's ACK, and
 * what large fleets and large route tables cost; a word measures only those.
 */
import { writeFile } from "node:fs/promises";
import { availableParallelism, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { TempDir } from "@lateen/e2e-harness";
import { bundleServices } from "./bundles.ts";
import { type Figure, formatFigures } from "./figure.ts";
import { measureFleet } from "./fleet/measure-fleet.ts";
import { sizeFigures } from "./image-sizes.ts";
import { measureRouteDelta } from "./route-delta.ts";
import { measureSaveToLive } from "./save-to-live.ts";
import { measureServices } from "./services.ts";

const { values, positionals } = parseArgs({ options: { json: { type: "string" } }, allowPositionals: true });
const [only, ...others] = positionals;
if ((only !== undefined && only !== "fleet" && only !== "routes") || others.length > 0)
  throw new Error(`"${positionals.join(" ")}" is not to be measured; there are fleet and routes, or nothing for all`);
const began = Date.now();
await using directory = await TempDir.create();
const machine = `${availableParallelism()} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GB, Node ${process.version}`;
console.log(`measuring on ${machine}`);

const bundles = await bundleServices(directory);
const fleet = (): Promise<readonly Figure[]> => measureFleet(bundles);
const few = { fleet: [fleet], routes: [measureRouteDelta] };
const all = [measureSaveToLive, () => measureServices(bundles), () => sizeFigures(bundles), fleet, measureRouteDelta];
const parts: readonly (() => Promise<readonly Figure[]> | readonly Figure[])[] = only === undefined ? all : few[only];
const figures: Figure[] = [];
for (const measure of parts) {
  const measured = await measure();
  figures.push(...measured);
  console.log(`\n${formatFigures(measured)}`);
}

const missed = figures.filter(({ value, goal }) => goal !== undefined && value >= goal);
console.log(
  `\n${figures.length} figures in ${((Date.now() - began) / 1_000).toFixed(0)} s, ${missed.length} above their goal`,
);
for (const { name } of missed) console.log(`  ${name}`);
if (values.json !== undefined)
  await writeFile(values.json, `${JSON.stringify({ machine, at: new Date().toISOString(), figures }, null, 2)}\n`);
