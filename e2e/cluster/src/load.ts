import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { appOf, type World } from "./world.ts";

export interface LoadOrder {
  /** The sample that sends; default `client`, through its proxy. */
  readonly from?: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly perSecond?: number;
  readonly connections?: number;
  /** It ends by itself after this long. */
  readonly seconds: number;
}

export interface LoadReport {
  readonly sent: number;
  readonly ok: number;
  readonly failed: number;
  /** The first of them. */
  readonly failures: readonly string[];
  /** Answers by who gave them, as in `reviews-v1`. */
  readonly bySample: Readonly<Record<string, number>>;
  readonly slowestMs: number;
  /** Where its time went. */
  readonly slowest: string;
  readonly seconds: number;
}

let loads = 0;

/** Requests from within the cluster. */
export class MeshLoad {
  readonly report: Promise<LoadReport>;
  readonly #world: World;
  readonly #from: string;
  readonly #stopFile: string;

  private constructor(world: World, { from, stop }: { from: string; stop: string }, report: Promise<LoadReport>) {
    this.#world = world;
    this.#from = from;
    this.#stopFile = stop;
    this.report = report;
    report.catch(() => undefined); // whoever waits for it is told
  }

  static async start(world: World, { from = "client", ...order }: LoadOrder): Promise<MeshLoad> {
    loads += 1;
    const stop = `/tmp/stop-${process.pid}-${loads}`;
    const program = await readFile(join(import.meta.dirname, "in-pod/load.ts"), "utf8");
    const full = { headers: {}, perSecond: 50, connections: 8, ...order, stop };
    const report = world.cluster
      .runProgram(appOf(world, from), program, full, order.seconds * 1000 + 30_000)
      .then((text) => JSON.parse(text) as LoadReport);
    return new MeshLoad(world, { from, stop }, report);
  }

  /** Ends it early. */
  async stop(): Promise<LoadReport> {
    await this.#world.cluster.exec(appOf(this.#world, this.#from), ["touch", this.#stopFile]);
    return this.report;
  }
}

/** Runs `work` while requests are sent; none of them may fail. */
export async function underLoad(
  world: World,
  orders: readonly LoadOrder[],
  work: () => Promise<void>,
): Promise<readonly LoadReport[]> {
  const loads = await Promise.all(orders.map((order) => MeshLoad.start(world, order)));
  const outcome = await work().then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  const reports = await Promise.all(loads.map((load) => load.stop()));
  if (outcome !== undefined) throw outcome.error;
  for (const report of reports) requireNoFailure(report);
  return reports;
}

function requireNoFailure({ sent, failed, failures }: LoadReport): void {
  if (sent === 0) throw new Error("the load sent no request");
  if (failed > 0) throw new Error(`${failed} of ${sent} requests failed: ${failures.join("; ")}`);
}

/** For a check's answer: how many, how long the slowest took, and why where that is long. */
export function answered(reports: readonly LoadReport[]): string {
  const total = (of: (report: LoadReport) => number): number => reports.reduce((sum, report) => sum + of(report), 0);
  const [slow] = [...reports].sort((left, right) => right.slowestMs - left.slowestMs);
  const why = slow !== undefined && slow.slowestMs > 1_000 ? `: ${slow.slowest}` : "";
  return `${total(({ ok }) => ok)} of ${total(({ sent }) => sent)} requests answered (slowest ${slow?.slowestMs ?? 0} ms${why})`;
}
