import { median } from "@lateen/e2e-harness";
import type { Bundle } from "../bundles.ts";
import type { Figure } from "../figure.ts";
import { compareLoad, type LoadComparison, type LoadCost } from "./load.ts";
import type { Programs } from "./plane.ts";
import { measureLargeMesh, measureScenarios } from "./scenarios.ts";

/** How far from a server that only writes the same bytes pilot may be. */
const bareFactor = 1.5;
/** How often each is measured: a short run is disturbed by more. */
const fleets = [
  { proxies: 200, runs: 5 },
  { proxies: 1_000, runs: 3 },
];

/**
 * What a fleet costs the plane: real delta-ADS streams of a process of their own, pilot as in its image over a real
 * nats-server, and in the same run a bare gRPC server with the same bytes, so that figures of a busy machine compare.
 */
export async function measureFleet(bundles: readonly Bundle[]): Promise<readonly Figure[]> {
  const programs: Programs = Object.fromEntries(bundles.map((bundle) => [bundle.service, bundle]));
  const figures: Figure[] = [];
  // Goals of a busy machine are ratios: what the bare server of the same run takes is the measure.
  for (const { proxies, runs } of fleets) {
    const measured: LoadComparison[] = [];
    while (measured.length < runs) measured.push(await compareLoad(proxies, programs));
    figures.push(...loadFigures(proxies, measured));
  }
  return [...figures, ...(await measureScenarios(programs)), ...(await measureLargeMesh(programs))];
}

/** Medians of the runs. */
function loadFigures(proxies: number, measured: readonly LoadComparison[]): readonly Figure[] {
  const beside = (name: string, unit: Figure["unit"], of: (cost: LoadCost) => number): readonly Figure[] => {
    const [plane, bare] = [measured.map((run) => of(run.plane)), measured.map((run) => of(run.bare))];
    const ratios = measured.map((run) => of(run.plane) / of(run.bare));
    const range = `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)} in ${ratios.length} runs`;
    return [
      {
        name: `${proxies} proxies: ${name}`,
        value: median(plane),
        unit,
        note: `bare ${median(bare).toFixed(2)} ${unit}`,
      },
      {
        ...{ name: `${proxies} proxies: ${name}, of bare`, value: median(plane) / median(bare), unit: "×" },
        ...{ goal: bareFactor, note: range },
      },
    ];
  };
  return [
    ...beside("until all have everything", "s", ({ seconds }) => seconds),
    ...beside("one route changed → last has it", "s", ({ changeSeconds }) => changeSeconds),
    ...beside("CPU until all have everything", "CPU s", ({ cpuSeconds }) => cpuSeconds),
    ...beside("peak RSS", "MB", ({ peakRss }) => peakRss / 1e6),
    {
      ...{ name: `${proxies} proxies: sent to each`, unit: "MB" },
      value: median(measured.map(({ plane }) => plane.bytesPerProxy / 1e6)),
    },
  ];
}
