/**
 * Throws unless `hits` of `trials` fits a share of `expected`: within five standard deviations of a binomial, which
 * chance alone leaves once in some two million runs.
 */
export function assertShare(hits: number, trials: number, expected: number): void {
  const sigma = Math.sqrt(trials * expected * (1 - expected));
  const off = Math.abs(hits - trials * expected);
  if (off <= 5 * sigma) return;
  const shown = ((100 * hits) / trials).toFixed(1);
  throw new Error(
    `${hits} of ${trials} (${shown} %) is ${(off / sigma).toFixed(1)} σ from ${(100 * expected).toFixed(1)} %`,
  );
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
