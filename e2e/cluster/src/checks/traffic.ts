import { eventually } from "@lateen/e2e-harness";
import { askMany, show } from "../request.ts";
import { sample, type World } from "../world.ts";

const requests = 300;

/** Measured over 300 requests; the bound is four standard deviations, so chance fails one run in 16,000. */
export async function canaryMoves(world: World): Promise<string> {
  const { cluster, samples } = world;
  await cluster.apply(samples, sample(world, "reviews-subsets.yaml"));
  const seen: string[] = [];
  for (const [file, share] of [
    ["reviews-90-10.yaml", 0.1],
    ["reviews-50-50.yaml", 0.5],
  ] as const) {
    await cluster.apply(samples, sample(world, file));
    seen.push(
      await eventually(() => measured(world, share), {
        what: `the split of ${file}`,
        timeoutMs: 120_000,
        intervalMs: 500,
      }),
    );
  }
  return seen.join(", then ");
}

async function measured(world: World, share: number): Promise<string> {
  const answers = await askMany(world, "client", "http://reviews/", { times: requests });
  const failed = answers.find(({ status }) => status !== 200);
  if (failed !== undefined) throw new Error(show(failed));
  const second = answers.filter(({ headers }) => headers["x-sample"] === "reviews-v2").length;
  const tolerance = 4 * Math.sqrt(share * (1 - share) * requests);
  if (Math.abs(second - share * requests) > tolerance)
    throw new Error(`v2 answered ${second} of ${requests}, expected ${share * requests}`);
  return `${requests - second}:${second} for ${(1 - share) * 100}/${share * 100}`;
}
