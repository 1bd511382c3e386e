/** Below this, chance is no explanation: once in a billion. */
const improbable = 1e-9;

/** Throws unless `hits` of `trials` fits a share of `expected`: chance alone throws once in five hundred million runs. */
export function assertShare(hits: number, trials: number, expected: number): void {
  const mean = trials * expected;
  if (chanceBeyond(hits, trials, expected) >= improbable) return;
  const sigma = Math.sqrt(mean * (1 - expected));
  const shown = ((100 * hits) / trials).toFixed(1);
  const off = (Math.abs(hits - mean) / sigma).toFixed(1);
  throw new Error(`${hits} of ${trials} (${shown} %) is ${off} σ from ${(100 * expected).toFixed(1)} %`);
}

/** Of a binomial: how probable as many hits are, or more where they are above the mean, or fewer where they are below. */
function chanceBeyond(hits: number, trials: number, share: number): number {
  const step = hits > trials * share ? 1 : -1;
  let chance = 0;
  for (let k = hits; k >= 0 && k <= trials; k += step) chance += chanceOf(k, trials, share);
  return chance;
}

function chanceOf(hits: number, trials: number, share: number): number {
  let log = hits * Math.log(share) + (trials - hits) * Math.log(1 - share);
  for (let k = 1; k <= hits; k++) log += Math.log((trials - hits + k) / k);
  return Math.exp(log);
}

/** The value that `share` (0…1) of the numbers do not exceed. Throws on an empty list. */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))];
  if (value === undefined) throw new Error("no numbers");
  return value;
}

export function median(numbers: readonly number[]): number {
  return quantile(numbers, 0.5);
}
