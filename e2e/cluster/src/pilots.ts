import type { World } from "./world.ts";

/** What a replica of pilot has done since it started, as its metrics say. */
export interface PilotFigures {
  readonly pod: string;
  /** Connected now. */
  readonly proxies: number;
  /** Proxies that it sent to other replicas. */
  readonly handedOff: number;
  /** Sent, by type: `cds`. */
  readonly bytes: Readonly<Record<string, number>>;
}

/** Of every replica that is not on its way out. */
export async function pilotFigures({ cluster, system }: World): Promise<readonly PilotFigures[]> {
  const pods = await cluster.list("pods", "-n", system, "-l", "app.kubernetes.io/component=pilot");
  const names = pods
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map(({ metadata }) => metadata.name)
    .sort();
  return Promise.all(
    names.map(async (pod) => {
      const path = `/api/v1/namespaces/${system}/pods/${pod}:15014/proxy/metrics`;
      return figuresOf(pod, await cluster.kubectl(["get", "--raw", path]));
    }),
  );
}

function figuresOf(pod: string, page: string): PilotFigures {
  const samples = [...page.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)].map(([, name = "", labels = "", value]) => ({
    name,
    type: /type="([^"]*)"/.exec(labels)?.[1] ?? "",
    value: Number(value),
  }));
  const of = (name: string) => samples.filter((sample) => sample.name === name);
  const sum = (name: string) => of(name).reduce((total, { value }) => total + value, 0);
  return {
    pod,
    proxies: sum("pilot_xds"),
    handedOff: sum("lateen_xds_handed_off_total"),
    bytes: Object.fromEntries(of("pilot_xds_config_size_bytes_sum").map(({ type, value }) => [type, value])),
  };
}

export function sumOf(figures: readonly PilotFigures[], of: (each: PilotFigures) => number): number {
  return figures.reduce((sum, each) => sum + of(each), 0);
}

export function bytesOf({ bytes }: PilotFigures): number {
  return Object.values(bytes).reduce((sum, each) => sum + each, 0);
}
