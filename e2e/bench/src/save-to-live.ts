import { setTimeout as sleep } from "node:timers/promises";
import {
  ConfigFolder,
  eventually,
  HttpClient,
  type LateenUp,
  LoopbackMesh,
  type MeshWorkload,
  median,
  quantile,
  type RunningProcess,
  startLateenUp,
  startSidecars,
  virtualService,
} from "@lateen/e2e-harness";
import type { Figure } from "./figure.ts";

const edits = 50;
/** Long enough for the plane to be quiet again: each edit is one of its own. */
const pauseMs = 100;
const goalMs = 100;

/**
 * `lateen up` with three proxies: from before a file is written until the plane says that the last of the three has
 * acknowledged it, by the clock of this process; and, as a check that does not believe the plane, until each proxy
 * answers a request in the new way.
 */
export async function measureSaveToLive(): Promise<readonly Figure[]> {
  await using mesh = await LoopbackMesh.create({
    workloads: ["frontend", "reviews", "ratings"].map((app) => ({ app })),
  });
  await using folder = await ConfigFolder.create();
  await folder.write("services.yaml", mesh.manifests());
  await folder.write("route.yaml", route(mesh, 0));
  await using plane = await startLateenUp({ config: folder.path });
  await using proxies = new AsyncDisposableStack();
  for (const sidecar of await startSidecars(plane.access, mesh.workloads)) proxies.use(sidecar);
  using client = new HttpClient();
  const answers = (edit: number) =>
    Promise.all(mesh.workloads.map((workload) => answersWith(client, mesh, workload, edit)));
  await answers(0);
  const [acknowledged, told, answered]: [number[], number[], number[]] = [[], [], []];
  for (let edit = 1; edit <= edits; edit++) {
    await sleep(pauseMs);
    const from = plane.process.output.length;
    const began = performance.now();
    const live = lineOf(plane.process, from).then((line) => ({ line, atMs: performance.now() - began }));
    const behaves = answers(edit).then(() => performance.now() - began);
    await folder.write("route.yaml", route(mesh, edit));
    const { line, atMs } = await live;
    acknowledged.push(atMs);
    told.push(Number(/(\d+) ms after the save/.exec(line)?.[1]));
    answered.push(await behaves);
  }
  await assertThree(plane);
  return [
    ...both("save → last of 3 proxies ACKed", acknowledged, {
      goal: goalMs,
      note: `${edits} edits, from before the write`,
    }),
    ...both("the same as `lateen up` tells it", told, { note: "from the file's time of change" }),
    ...both("save → all 3 answer in the new way", answered, { goal: goalMs, note: "polled by a client" }),
  ];
}

function both(name: string, values: readonly number[], more: { goal?: number; note: string }): readonly Figure[] {
  return [
    { name: `${name}, median`, value: median(values), unit: "ms", ...more },
    { name: `${name}, p95`, value: quantile(values, 0.95), unit: "ms", ...more },
  ];
}

function route(mesh: LoopbackMesh, edit: number): readonly object[] {
  const host = mesh.host("reviews");
  const headers = { response: { set: { "x-edit": String(edit) } } };
  return [
    virtualService(
      { namespace: mesh.namespace, name: "reviews" },
      { hosts: [host], http: [{ headers, route: [{ destination: { host } }] }] },
    ),
  ];
}

function lineOf(process: RunningProcess, from: number): Promise<string> {
  const isLine = (): string | undefined =>
    /^live .*VirtualService\/shop\/reviews.*on all 3 proxies.*$/m.exec(process.output.slice(from))?.[0];
  return eventually(isLine, { intervalMs: 1, what: "the plane tells that the edit is live" });
}

async function answersWith(
  client: HttpClient,
  mesh: LoopbackMesh,
  { address }: MeshWorkload,
  edit: number,
): Promise<void> {
  const request = { address, port: mesh.servicePort, host: `reviews.${mesh.namespace}:${mesh.servicePort}` };
  await eventually(async () => (await client.send(request)).headers["x-edit"] === String(edit), {
    intervalMs: 2,
    what: `${address} answers as edit ${edit} says`,
  });
}

/** The figures are of three proxies, or they are wrong. */
async function assertThree(plane: LateenUp): Promise<void> {
  const proxies = await plane.debug<readonly unknown[]>("/debug/syncz");
  if (proxies.length !== 3) throw new Error(`${proxies.length} proxies are connected, not 3`);
}
