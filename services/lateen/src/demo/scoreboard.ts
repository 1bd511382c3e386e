import type { Answer } from "./traffic.ts";

/** Counts answers since the last `reset`. No clock, no I/O. */
export class Scoreboard {
  readonly #byProbe = new Map<string, { statuses: Map<number, number>; versions: Map<string, number> }>();

  add(answer: Answer): void {
    const counts = this.#byProbe.get(answer.probe) ?? { statuses: new Map(), versions: new Map() };
    this.#byProbe.set(answer.probe, counts);
    counts.statuses.set(answer.status, (counts.statuses.get(answer.status) ?? 0) + 1);
    if (answer.version !== undefined)
      counts.versions.set(answer.version, (counts.versions.get(answer.version) ?? 0) + 1);
  }

  reset(): void {
    this.#byProbe.clear();
  }

  total(probe: string): number {
    return sum(this.#byProbe.get(probe)?.statuses.values() ?? []);
  }

  /** Share of each version among answered requests, in percent, e.g. `{ v1: 90.4, v2: 9.6 }`. */
  split(probe: string): Readonly<Record<string, number>> {
    const versions = this.#byProbe.get(probe)?.versions ?? new Map<string, number>();
    const all = sum(versions.values());
    return Object.fromEntries([...versions].sort().map(([version, count]) => [version, (100 * count) / all]));
  }

  /** As in `200` or `200×95 % 429×5 %`; `refused` stands for no HTTP answer. */
  outcome(probe: string): string {
    const statuses = [...(this.#byProbe.get(probe)?.statuses ?? [])].sort(([a], [b]) => a - b);
    const all = sum(statuses.map(([, count]) => count));
    const name = (status: number): string => (status === 0 ? "refused" : String(status));
    if (statuses.length === 0) return "–";
    if (statuses.length === 1) return name(statuses[0]?.[0] ?? 0);
    return statuses.map(([status, count]) => `${name(status)}×${((100 * count) / all).toFixed(0)} %`).join(" ");
  }
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
