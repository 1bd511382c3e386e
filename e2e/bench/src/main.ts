/**
 * `pnpm bench [--json FILE]`: what the suite costs, measured on this machine, beside what it may cost.
 * Start to ready and idle memory of each service, image sizes, and the time from saving a file to the last proxy's ACK.
 */
import { writeFile } from "node:fs/promises";
import { availableParallelism, totalmem } from "node:os";
import { parseArgs } from "node:util";
import { TempDir } from "@lateen/e2e-harness";
import { bundleServices } from "./bundles.ts";
import { type Figure, formatFigures } from "./figure.ts";
import { sizeFigures } from "./image-sizes.ts";
import { measureSaveToLive } from "./save-to-live.ts";
import { measureServices } from "./services.ts";

const { values } = parseArgs({ options: { json: { type: "string" } } });
const began = Date.now();
await using directory = await TempDir.create();
const machine = `${availableParallelism()} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GB, Node ${process.version}`;
console.log(`measuring on ${machine}`);

const bundles = await bundleServices(directory);
const parts: readonly (() => Promise<readonly Figure[]> | readonly Figure[])[] = [
  measureSaveToLive,
  () => measureServices(bundles),
  () => sizeFigures(bundles),
];
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
