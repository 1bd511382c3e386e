import { setTimeout as sleep } from "node:timers/promises";
import {
  ConfigFolder,
  LoopbackMesh,
  median,
  type Program,
  residentMemory,
  type SeparateServices,
  type ServiceProcess,
  Sidecar,
  startSeparateServices,
} from "@lateen/e2e-harness";
import type { Bundle } from "./bundles.ts";
import type { Figure } from "./figure.ts";

import { startInjector } from "./injector.ts";

type Programs = Readonly<Record<string, Program>>;

const starts = 5;
const idleMs = 10_000;
const goals = { startSeconds: 1.5, serviceMegabytes: 110, agentMegabytes: 70 };

/**
 * Start to ready (median of five starts) and resident memory after ten idle seconds, of each service as a process of
 * its own beside a real nats-server, and of a node agent without its Envoy. Runs bundles where there are some.
 */
export async function measureServices(bundles: readonly Bundle[]): Promise<readonly Figure[]> {
  const programs: Programs = Object.fromEntries(bundles.map((bundle) => [bundle.service, bundle]));
  await using folder = await ConfigFolder.create();
  await using services = await startSeparateServices({ config: folder.path, programs });
  await using injector = await startInjector(services.access, programs["injector"]);
  const all = [...running(services), injector.service];
  const [startFigures, memoryFigures]: [Figure[], Figure[]] = [[], []];
  for (const service of all) startFigures.push(await measureStart(service, programs));
  await sleep(idleMs);
  for (const { name, process } of all)
    memoryFigures.push(memoryFigure(name, process.pid, { goal: goals.serviceMegabytes, form: formOf(name, programs) }));
  return [...startFigures, ...memoryFigures, ...(await measureAgent(services, folder, programs))];
}

function running({ citadel, galleyValidator, mixerPolicy, pilots }: SeparateServices): readonly ServiceProcess[] {
  return [galleyValidator, citadel, mixerPolicy, ...pilots.map(({ service }) => service)];
}

async function measureStart(service: ServiceProcess, programs: Programs): Promise<Figure> {
  const seconds: number[] = [];
  while (seconds.length < starts) {
    await service.process.stop();
    const began = performance.now();
    await service.restart();
    seconds.push((performance.now() - began) / 1_000);
  }
  const note = `median of ${starts}, ${formOf(service.name, programs)}`;
  return { name: `start ${service.name}`, value: median(seconds), unit: "s", goal: goals.startSeconds, note };
}

/** Its start includes its certificate, Envoy's start and the first configuration. */
async function measureAgent(
  services: SeparateServices,
  folder: ConfigFolder,
  programs: Programs,
): Promise<readonly Figure[]> {
  await using mesh = await LoopbackMesh.create({ workloads: [{ app: "sample" }] });
  await folder.write("mesh.yaml", mesh.manifests());
  const program = programs["node-agent"];
  const workload = mesh.workload("sample");
  await using sidecar = await Sidecar.start({ workload, access: services.access, ...(program && { program }) });
  const seconds: number[] = [];
  while (seconds.length < starts) {
    await sidecar.process.stop();
    const began = performance.now();
    await sidecar.restart();
    seconds.push((performance.now() - began) / 1_000);
  }
  await sleep(idleMs);
  const form = formOf("node-agent", programs);
  return [
    {
      ...{ name: "start node-agent", value: median(seconds), unit: "s", goal: goals.startSeconds },
      note: `median of ${starts}, with its Envoy ready, ${form}`,
    },
    memoryFigure("node-agent", sidecar.process.pid, { goal: goals.agentMegabytes, form: `without Envoy, ${form}` }),
  ];
}

function memoryFigure(name: string, pid: number, { goal, form }: { goal: number; form: string }): Figure {
  const { total, own } = residentMemory(pid);
  const note = `${(own / 1e6).toFixed(0)} MB of it its own, the rest Node's program file, shared; ${form}`;
  return { name: `idle RSS ${name}`, value: total / 1e6, unit: "MB", goal, note };
}

function formOf(service: string, programs: Programs): string {
  const name = service.split(" ")[0] ?? "";
  return programs[name] === undefined ? "from its sources" : "bundled as in its image";
}
