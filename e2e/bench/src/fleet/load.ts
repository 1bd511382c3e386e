import { setTimeout as sleep } from "node:timers/promises";
import { median } from "@lateen/e2e-harness";
import {
  type Bare,
  type Clients,
  type FleetPlane,
  type Programs,
  startBare,
  startClients,
  startPlane,
} from "./plane.ts";
import { costOf, resetPeak } from "./process-cost.ts";
import { clockMs } from "./remote.ts";
import type { Type } from "./wire.ts";

const size = { services: 500, endpoints: 5 };
const changes = 7;
const changedService = 20;

/** What it took to serve everything to a fleet, and then to change one thing. */
export interface LoadCost {
  readonly seconds: number;
  readonly changeSeconds: number;
  readonly cpuSeconds: number;
  readonly peakRss: number;
  /** Bytes sent to each proxy at first. */
  readonly bytesPerProxy: number;
}

export interface LoadComparison {
  readonly proxies: number;
  readonly plane: LoadCost;
  readonly bare: LoadCost;
}

/** The same fleet on pilot and on a bare server with the same bytes, one after the other. */
export async function compareLoad(proxies: number, programs: Programs): Promise<LoadComparison> {
  await using plane = await startPlane(size, programs);
  const planeCost = await loadOf(plane, proxies);
  await using recorder = startClients();
  const recorded = await recorder.ask("record", { address: plane.address, pods: plane.mesh.pods(1), perChannel: 1 });
  return {
    proxies,
    plane: planeCost.cost,
    bare: await bareLoad(plane, { recorded, change: planeCost.change, proxies }),
  };
}

async function loadOf(plane: FleetPlane, proxies: number): Promise<{ cost: LoadCost; change: Uint8Array }> {
  await using clients = startClients();
  const { pid } = plane.pilot.process;
  const opened = await openAll({ clients, address: plane.address, plane, proxies, pid });
  let change: Uint8Array = new Uint8Array();
  const times: number[] = [];
  for (let n = 0; n < changes; n++) {
    const marker = `edit-${proxies}-${n}`;
    const { ms, bytes } = await timeChange(clients, { type: "RDS", marker }, () =>
      plane.mesh.editRoute(changedService, marker),
    );
    times.push(ms / 1_000);
    change = bytes;
    await sleep(200);
  }
  return { cost: { ...opened, changeSeconds: median(times) }, change };
}

/** From before `change` until the last connected proxy has the marker. */
export async function timeChange(
  clients: Clients,
  expected: { type: Type; marker: string },
  change: () => Promise<unknown>,
): Promise<{ ms: number; bytes: Uint8Array }> {
  await clients.ask("arm", expected);
  const startedAtMs = clockMs();
  await change();
  const reached = await clients.ask("reached");
  if (reached === undefined) throw new Error("nothing is expected");
  return { ms: reached.lastAtMs - startedAtMs, bytes: reached.bytes };
}

interface BareOptions {
  readonly recorded: readonly (readonly [Type, Uint8Array])[];
  readonly change: Uint8Array;
  readonly proxies: number;
}

async function bareLoad(plane: FleetPlane, { recorded, change, proxies }: BareOptions): Promise<LoadCost> {
  await using bare: Bare = startBare();
  await using clients = startClients();
  const address = await bare.ask("listen");
  await bare.ask("prepare", recorded);
  const opened = await openAll({ clients, address, plane, proxies, pid: bare.pid });
  const marker = /edit-\d+-\d+/.exec(Buffer.from(change).toString("latin1"))?.[0] ?? "";
  const times: number[] = [];
  for (let n = 0; n < changes; n++) {
    const { ms } = await timeChange(clients, { type: "RDS", marker }, () => bare.ask("push", change));
    times.push(ms / 1_000);
    await sleep(200);
  }
  return { ...opened, changeSeconds: median(times) };
}

interface OpenAll {
  readonly clients: Clients;
  readonly address: string;
  readonly plane: FleetPlane;
  readonly proxies: number;
  readonly pid: number;
}

async function openAll({ clients, address, plane, proxies, pid }: OpenAll): Promise<Omit<LoadCost, "changeSeconds">> {
  await clients.ask("state");
  await sleep(500);
  resetPeak(pid);
  const before = costOf(pid);
  const { startedAtMs, lastAtMs } = await clients.ask("open", {
    address,
    pods: plane.mesh.pods(proxies),
    perChannel: 1,
  });
  await sleep(100);
  const after = costOf(pid);
  const { bytes } = await clients.ask("traffic");
  return {
    seconds: (lastAtMs - startedAtMs) / 1_000,
    cpuSeconds: after.cpuSeconds - before.cpuSeconds,
    peakRss: after.peakRss,
    bytesPerProxy: Object.values(bytes).reduce((sum, each) => sum + each, 0) / proxies,
  };
}
