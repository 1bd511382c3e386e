import { setTimeout as sleep } from "node:timers/promises";
import {
  adsBootstrap,
  ConfigFolder,
  type EnvoyAdmin,
  eventually,
  freePort,
  HttpClient,
  type LateenUp,
  LoopbackBlock,
  median,
  serviceEntry,
  startEnvoy,
  startLateenUp,
  virtualService,
} from "@lateen/e2e-harness";
import type { Figure } from "./figure.ts";

const sizes = [100, 1_000, 5_000];
const edits = 7;
const namespace = "shop";

interface Run {
  readonly changeBytes: number;
  readonly liveMs: number;
  readonly envoyBytes: number;
}

/** One VirtualService changes in a table of many: whole tables against tables that go host by host. */
export async function measureRouteDelta(): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const size of sizes) {
    for (const split of [false, true]) {
      const { changeBytes, liveMs, envoyBytes } = await measure(size, split);
      const what = `route change, ${size} hosts, ${split ? "split" : "whole"}`;
      figures.push(
        { name: `${what}: sent`, value: changeBytes / 1_000, unit: "kB", note: `${edits} edits, one proxy` },
        { name: `${what}: save → answers`, value: liveMs, unit: "ms", note: "at an Envoy" },
        { name: `${what}: Envoy's heap`, value: envoyBytes / 1e6, unit: "MB", note: "after all of it" },
      );
    }
  }
  return figures;
}

async function measure(size: number, split: boolean): Promise<Run> {
  await using folder = await ConfigFolder.create();
  await using addresses = await LoopbackBlock.reserve();
  using client = new HttpClient();
  const [port, address] = [await freePort(), addresses.address()];
  const hosts = Array.from({ length: size }, (_, index) => `svc-${index}.example.com`);
  const ports = [{ number: port, name: "http", protocol: "HTTP" }];
  const route = (host: string, body: string): object =>
    virtualService(
      { namespace, name: host },
      { hosts: [host], http: [{ directResponse: { status: 200, body: { string: body } } }] },
    );
  const [edited = "", ...others] = hosts;
  const spec = { hosts, location: "MESH_EXTERNAL", resolution: "STATIC", ports, endpoints: [{ address: "127.0.0.1" }] };
  await folder.write("hosts.yaml", [serviceEntry({ namespace, name: "hosts" }, spec)]);
  await folder.write(
    "others.yaml",
    others.map((host) => route(host, "other")),
  );
  await folder.write("edited.yaml", [route(edited, "0")]);
  await using plane = await startLateenUp({
    config: folder.path,
    flags: ["--split-route-tables-from", split ? "1" : "0"],
  });
  const xds = { address: "127.0.0.1", port: plane.ports.grpc };
  const node = { type: "sidecar", address, pod: "bench-1", namespace } as const;
  const bootstrap = adsBootstrap({ node, xds, protocol: "DELTA_GRPC" });
  await using envoy = await startEnvoy({ name: "bench", bootstrap });
  const answers = (body: string): Promise<unknown> =>
    eventually(async () => (await client.send({ address, port, host: edited })).body === body, {
      what: `the route answers ${body}`,
      timeoutMs: 30_000,
      intervalMs: 1,
    });
  await answers("0");
  const before = await sentBytes(plane);
  const times: number[] = [];
  for (let edit = 1; edit <= edits; edit++) {
    await sleep(200);
    const began = performance.now();
    await folder.write("edited.yaml", [route(edited, String(edit))]);
    await answers(String(edit));
    times.push(performance.now() - began);
  }
  const changeBytes = ((await sentBytes(plane)) - before) / edits;
  return { changeBytes, liveMs: median(times), envoyBytes: await heapOf(envoy.admin) };
}

async function sentBytes(plane: LateenUp): Promise<number> {
  const page = await plane.metrics();
  const sums = page.matchAll(/^pilot_xds_config_size_bytes_sum\{[^}]*type="(?:rds|vhds)"[^}]*\} (\S+)$/gm);
  return [...sums].reduce((total, [, value]) => total + Number(value), 0);
}

async function heapOf(admin: EnvoyAdmin): Promise<number> {
  return Number((JSON.parse(await admin.get("/memory")) as { allocated: string }).allocated);
}
