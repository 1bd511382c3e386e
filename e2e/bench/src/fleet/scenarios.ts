import { setTimeout as sleep } from "node:timers/promises";
import { eventually, median } from "@lateen/e2e-harness";
import type { Figure } from "../figure.ts";
import { timeChange } from "./load.ts";
import { type Clients, type FleetPlane, type Programs, startClients, startPlane } from "./plane.ts";
import { costOf, resetPeak } from "./process-cost.ts";
import { clockMs } from "./remote.ts";

const size = { services: 500, endpoints: 5 };

/** What a fleet that has everything costs while things happen to it, all on one plane. */
export async function measureScenarios(programs: Programs): Promise<readonly Figure[]> {
  await using plane = await startPlane(size, programs);
  return [
    ...(await oneProxy(plane, 100)),
    ...(await oneProxy(plane, 1_000)),
    ...(await withFleet(plane, 200, [changeDuringPush, churn, stalled])),
    ...(await reconnect(plane, 5_000)),
  ];
}

interface Fleet {
  readonly plane: FleetPlane;
  readonly clients: Clients;
  readonly proxies: number;
}

type Scenario = (fleet: Fleet) => Promise<readonly Figure[]>;

async function withFleet(
  plane: FleetPlane,
  proxies: number,
  scenarios: readonly Scenario[],
): Promise<readonly Figure[]> {
  await using clients = startClients();
  const figures: Figure[] = [];
  for (const scenario of scenarios) figures.push(...(await scenario({ plane, clients, proxies })));
  return figures;
}

/** A route changes while first answers are on their way: everybody ends with the newest. */
const changeDuringPush: Scenario = async ({ plane, clients, proxies }) => {
  const opening = clients.ask("open", { address: plane.address, pods: plane.mesh.pods(proxies), perChannel: 1 });
  await sleep(300);
  const { ms } = await timeChange(clients, { type: "RDS", marker: "mid-push" }, () =>
    plane.mesh.editRoute(20, "mid-push"),
  );
  await opening;
  return [{ name: `${proxies} proxies: change during the first push → last has it`, value: ms / 1_000, unit: "s" }];
};

const churnSeconds = 6;
const churnPerSecond = 1_000;

const churn: Scenario = async ({ plane, clients, proxies }) => {
  await sleep(1_000);
  await clients.ask("resetTraffic");
  const before = costOf(plane.pilot.process.pid);
  const startedAtMs = clockMs();
  const lags: number[] = [];
  let moved = 0;
  const probing = (async () => {
    while (clockMs() - startedAtMs < churnSeconds * 1_000) {
      const marker = `10.77.7.${lags.length + 1}`;
      lags.push((await timeChange(clients, { type: "EDS", marker }, () => plane.mesh.moveEndpoint(499, marker))).ms);
      await sleep(400);
    }
  })();
  while (clockMs() - startedAtMs < churnSeconds * 1_000) {
    const due = Math.floor(((clockMs() - startedAtMs) / 1_000) * churnPerSecond);
    const moves: Promise<void>[] = [];
    for (; moved < due; moved++)
      moves.push(plane.mesh.moveEndpoint(moved % 490, `10.66.${(moved >> 8) & 255}.${moved & 255}`));
    await Promise.all(moves);
    await sleep(5);
  }
  await probing;
  const elapsed = (clockMs() - startedAtMs) / 1_000;
  const after = costOf(plane.pilot.process.pid);
  const { answers } = await clients.ask("traffic");
  const others = (answers["CDS"] ?? 0) + (answers["LDS"] ?? 0) + (answers["RDS"] ?? 0);
  const name = `${proxies} proxies, ${Math.round(moved / elapsed)} endpoints move a second`;
  return [
    { name: `${name}: a move → last has it`, value: median(lags) / 1_000, unit: "s", goal: 1 },
    { name: `${name}: CPU of the plane`, value: (after.cpuSeconds - before.cpuSeconds) / elapsed, unit: "cores" },
    { name: `${name}: answers that are not EDS`, value: others, unit: "", goal: 1 },
  ];
};

/** Ten proxies read nothing any more. */
const stalled: Scenario = async ({ plane, clients, proxies }) => {
  const change = async (marker: string): Promise<number> =>
    (await timeChange(clients, { type: "RDS", marker }, () => plane.mesh.editRoute(20, marker))).ms / 1_000;
  const normal: number[] = [];
  for (let n = 0; n < 5; n++) normal.push(await change(`before-${n}`));
  await clients.ask("stall", 10);
  resetPeak(plane.pilot.process.pid);
  const before = costOf(plane.pilot.process.pid).rss;
  const others: number[] = [];
  for (let n = 0; n < 25; n++) others.push(await change(`stalled-${n}`));
  const growth = costOf(plane.pilot.process.pid).rss - before;
  await clients.ask("close");
  const name = `${proxies} proxies, 10 of them read nothing`;
  return [
    { name: `${name}: change → last other has it`, value: median(others), unit: "s", note: noteOf(normal) },
    { name: `${name}: RSS grows in 25 changes`, value: Math.max(0, growth) / 1e6, unit: "MB", goal: 100 },
  ];
};

function noteOf(normal: readonly number[]): string {
  return `all reading ${median(normal).toFixed(2)} s`;
}

const ownChanges = 20;

/** Policies for one pod each: what the plane does for the others must be next to nothing. */
async function oneProxy(plane: FleetPlane, proxies: number): Promise<readonly Figure[]> {
  await using clients = startClients();
  const pods = plane.mesh.pods(proxies);
  await clients.ask("open", { address: plane.address, pods, perChannel: 1 });
  await sleep(1_000);
  const idle = costOf(plane.pilot.process.pid).cpuSeconds;
  await sleep(2_000);
  const idleShare = (costOf(plane.pilot.process.pid).cpuSeconds - idle) / 2;
  const before = costOf(plane.pilot.process.pid).cpuSeconds;
  const startedAtMs = clockMs();
  const times: number[] = [];
  for (let n = 0; n < ownChanges; n++) {
    const pod = pods[n];
    if (pod === undefined) continue;
    const marker = `only-${proxies}-${n}`;
    await clients.ask("armOne", { type: "LDS", marker, pod: pod.name });
    const began = clockMs();
    await plane.mesh.restrict(pod, marker);
    times.push(((await clients.ask("reached"))?.lastAtMs ?? Number.NaN) - began);
    await sleep(100);
  }
  const elapsed = (clockMs() - startedAtMs) / 1_000;
  const used = costOf(plane.pilot.process.pid).cpuSeconds - before - idleShare * elapsed;
  for (const pod of pods.slice(0, ownChanges)) await plane.mesh.release(pod); // replicas are alike again
  const name = `a change for one of ${proxies} proxies`;
  return [
    { name: `${name}: until it has it`, value: median(times), unit: "ms" },
    { name: `${name}: CPU of the plane`, value: (used * 1_000) / ownChanges, unit: "CPU ms" },
  ];
}

const streamsOnAConnection = 10;

/** Pilot is new, and every proxy has everything already. */
async function reconnect(plane: FleetPlane, proxies: number): Promise<readonly Figure[]> {
  await using clients = startClients();
  const pods = plane.mesh.pods(plane.mesh.size.services);
  await clients.ask("learn", { address: plane.address, pods, perChannel: 1 });
  await plane.pilot.process.stop();
  await plane.pilot.restart();
  await clients.ask("resetTraffic");
  const { pid } = plane.pilot.process;
  const before = costOf(pid);
  const startedAtMs = clockMs();
  const all = { address: plane.address, pods: plane.mesh.pods(proxies), perChannel: streamsOnAConnection };
  await clients.ask("open", { ...all, returning: true });
  await eventually(() => allServed(plane, proxies), { timeoutMs: 120_000, intervalMs: 100, what: "all are in sync" });
  const seconds = (clockMs() - startedAtMs) / 1_000;
  const after = costOf(pid);
  const { bytes, answers } = await clients.ask("traffic");
  const sent = Object.values(bytes).reduce((sum, each) => sum + each, 0);
  const name = `${proxies} proxies come back to a new replica`;
  const note = `${streamsOnAConnection} streams on a connection`;
  const counts = Object.entries(answers).map(([type, count]) => `${count} ${type}`);
  return [
    { name: `${name}: until all are in sync`, value: seconds, unit: "s", note },
    { name: `${name}: sent to all of them`, value: sent / 1e3, unit: "kB", goal: proxies / 2, note: counts.join(", ") },
    { name: `${name}: CPU`, value: after.cpuSeconds - before.cpuSeconds, unit: "CPU s" },
    { name: `${name}: peak RSS`, value: after.peakRss / 1e6, unit: "MB" },
  ];
}

async function allServed(plane: FleetPlane, proxies: number): Promise<boolean> {
  const text = await plane.pilot.page("/metrics");
  const metricOf = (metric: string): number =>
    Number(new RegExp(`^${metric}(?:\\{.*\\})? (\\d+)$`, "m").exec(text)?.[1]);
  return metricOf("pilot_xds") === proxies && metricOf("lateen_config_laggards") === 0;
}

/** Ten times the services, for a few proxies. */
export async function measureLargeMesh(programs: Programs): Promise<readonly Figure[]> {
  await using plane = await startPlane({ services: 5_000, endpoints: 5 }, programs);
  await using clients = startClients();
  const proxies = 20;
  const before = costOf(plane.pilot.process.pid);
  const { startedAtMs, lastAtMs } = await clients.ask("open", {
    address: plane.address,
    pods: plane.mesh.pods(proxies),
    perChannel: 1,
  });
  const after = costOf(plane.pilot.process.pid);
  const times: number[] = [];
  for (let n = 0; n < 3; n++) {
    const marker = `large-${n}`;
    times.push((await timeChange(clients, { type: "RDS", marker }, () => plane.mesh.editRoute(20, marker))).ms / 1_000);
  }
  const name = `5,000 services, ${proxies} proxies of as many namespaces`;
  return [
    { name: `${name}: until all have everything`, value: (lastAtMs - startedAtMs) / 1_000, unit: "s" },
    { name: `${name}: CPU`, value: after.cpuSeconds - before.cpuSeconds, unit: "CPU s" },
    { name: `${name}: peak RSS`, value: after.peakRss / 1e6, unit: "MB" },
    { name: `${name}: one route changed → last has it`, value: median(times), unit: "s" },
  ];
}
