import type { Bundle } from "../bundles.ts";
import type { Figure } from "../figure.ts";
import { compareLoad, type LoadCost } from "./load.ts";
import type { Programs } from "./plane.ts";
import { measureLargeMesh, measureScenarios } from "./scenarios.ts";

/** How far from a server that only writes the same bytes pilot may be. */
const bareFactor = 1.5;
const fleets = [200, 1_000];

/**
 * What a fleet costs the plane: real delta-ADS streams of a process of their own, pilot as in its image over a real
 * nats-server, and in the same run a bare gRPC server with the same bytes, so that figures of a busy machine compare.
 */
export async function measureFleet(bundles: readonly Bundle[]): Promise<readonly Figure[]> {
  const programs: Programs = Object.fromEntries(bundles.map((bundle) => [bundle.service, bundle]));
  const figures: Figure[] = [];
  // Goals of a busy machine are ratios: what the bare server of the same run takes is the measure.
  for (const proxies of fleets) {
    const { plane, bare } = await compareLoad(proxies, programs);
    figures.push(...loadFigures(proxies, plane, bare));
  }
  return [...figures, ...(await measureScenarios(programs)), ...(await measureLargeMesh(programs))];
}

function loadFigures(proxies: number, plane: LoadCost, bare: LoadCost): readonly Figure[] {
  const beside = (name: string, unit: Figure["unit"], of: (cost: LoadCost) => number): readonly Figure[] => [
    { name: `${proxies} proxies: ${name}`, value: of(plane), unit, note: `bare ${of(bare).toFixed(2)} ${unit}` },
    { name: `${proxies} proxies: ${name}, of bare`, value: of(plane) / of(bare), unit: "×", goal: bareFactor },
  ];
  return [
    ...beside("until all have everything", "s", ({ seconds }) => seconds),
    ...beside("one route changed → last has it", "s", ({ changeSeconds }) => changeSeconds),
    ...beside("CPU until all have everything", "CPU s", ({ cpuSeconds }) => cpuSeconds),
    ...beside("peak RSS", "MB", ({ peakRss }) => peakRss / 1e6),
    { name: `${proxies} proxies: sent to each`, value: plane.bytesPerProxy / 1e6, unit: "MB" },
  ];
}
