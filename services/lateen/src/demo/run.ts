import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "@lateen/runtime";
import { createPlane, type Plane } from "../plane.ts";
import type { Ports } from "../ports.ts";
import { printReport } from "../reports.ts";
import { askedSplit } from "./asked-split.ts";
import { ensureDemoConfig } from "./config-folder.ts";
import { Processes } from "./processes.ts";
import { probes } from "./probes.ts";
import { namespace, type Sample, samples } from "./samples.ts";
import { Scoreboard } from "./scoreboard.ts";
import { sendTraffic } from "./traffic.ts";
import { figures, View } from "./view.ts";
import { waitForOk } from "./wait.ts";

export interface DemoRun {
  readonly envoy: string;
  readonly logger: Logger;
  readonly configDirectory: string;
  readonly stateDirectory: string;
  /** Logs of the samples, agents and Envoys. */
  readonly workDirectory: string;
  readonly bind: string;
  readonly ports: Ports;
  readonly signal: AbortSignal;
}

/** Requests after a change before its split is worth printing. */
const sampleSize = 500;
const roundMs = 100;
/** Connections that are older than a changed listener end within its drain time, a second; until then they show the old state. */
const settleMs = 1_500;

/** Everything of `lateen demo`. Resolves when the signal has aborted and nothing of it runs any more. */
export async function runDemo(options: DemoRun): Promise<void> {
  const { signal, configDirectory } = options;
  const view = new View();
  const board = new Scoreboard();
  await mkdir(options.workDirectory, { recursive: true, mode: 0o700 });
  const filled = await ensureDemoConfig(configDirectory);
  view.line(`${filled === "filled" ? "made" : "using"} ${configDirectory}: edit it while this runs`);

  const plane = await createPlane({
    ...options,
    onReport: (report) => printReport(report, (line) => view.line(line)),
    onLive: (change) => {
      view.live(change);
      setTimeout(() => board.reset(), settleMs).unref();
    },
  });
  const ended = new AbortController();
  const stop = AbortSignal.any([signal, ended.signal]);
  // The plane outlives the proxies, so that they can drain in peace.
  const planeStop = new AbortController();
  const running = plane.run(planeStop.signal);
  const processes = new Processes((name, reason) =>
    view.line(`${name} ended (${reason}); its log is in ${options.workDirectory}`),
  );
  const sockets = await mkdtemp(join(tmpdir(), "lateen-")); // short: the path of a Unix socket may have 107 bytes
  try {
    const ports = await Promise.race([plane.ready, running.then(() => undefined)]);
    if (ports === undefined) return;
    await startSamples({ ...options, ports, plane, processes, sockets });
    await Promise.race([running, serve({ view, board, plane, stop, workDirectory: options.workDirectory, ports })]);
  } finally {
    ended.abort();
    view.end();
    await processes.stop(12_000);
    planeStop.abort();
    try {
      await running;
    } finally {
      await rm(sockets, { recursive: true, force: true });
    }
  }
}

interface Start extends DemoRun {
  readonly plane: Plane;
  readonly processes: Processes;
  readonly sockets: string;
}

async function startSamples(start: Start): Promise<void> {
  const { processes, workDirectory } = start;
  for (const sample of samples) {
    processes.start(`${sample.app} ${sample.version}`, new URL("./sample-app.ts", import.meta.url), {
      args: [sample.app, sample.version, String(sample.port)],
      logFile: join(workDirectory, `${sample.pod}.app.log`),
    });
    await startAgent(start, sample);
  }
}

async function startAgent(
  { plane, ports, bind, envoy, processes, sockets, workDirectory }: Start,
  sample: Sample,
): Promise<void> {
  const directory = join(sockets, sample.pod);
  await mkdir(directory, { mode: 0o700 });
  const tokenFile = join(directory, "token");
  await writeFile(tokenFile, await plane.mintToken({ namespace, serviceAccount: sample.app }), { mode: 0o600 });
  processes.start(`agent of ${sample.pod}`, new URL("./agent-process.ts", import.meta.url), {
    args: ["proxy", "sidecar"],
    logFile: join(workDirectory, `${sample.pod}.proxy.log`),
    env: {
      ENVOY: envoy,
      ENVOY_CONCURRENCY: "1",
      POD_NAME: sample.pod,
      POD_NAMESPACE: namespace,
      INSTANCE_IP: sample.address,
      SERVICE_ACCOUNT: sample.app,
      XDS_ADDRESS: `${bind}:${ports.secureGrpc}`,
      CA_ADDR: `${bind}:${ports.secureGrpc}`,
      XDS_SERVER_NAME: "localhost",
      CA_SERVER_NAME: "localhost",
      CA_ROOT_CA: plane.rootCertificateFile,
      TOKEN_FILE: tokenFile,
      PROXY_DIR: directory,
      SDS_SOCKET: join(directory, "SDS"),
      PROXY_CONFIG: JSON.stringify({ terminationDrainDuration: "0s" }),
      ISTIO_META_INTERCEPTION_MODE: "NONE",
      ISTIO_META_WORKLOAD_NAME: `${sample.app}-${sample.version}`,
      ISTIO_METAJSON_LABELS: JSON.stringify({ app: sample.app, version: sample.version }),
      ENVOY_ADMIN_HOST: sample.address,
      STATUS_HOST: sample.address,
    },
  });
}

interface Serve {
  readonly view: View;
  readonly board: Scoreboard;
  readonly plane: Plane;
  readonly stop: AbortSignal;
  readonly workDirectory: string;
  readonly ports: Ports;
}

async function serve({ view, board, plane, stop, workDirectory, ports }: Serve): Promise<void> {
  await Promise.all(samples.map((sample) => waitForOk(`http://${sample.address}:15021/healthz/ready`, 180_000, stop)));
  if (stop.aborted) return;
  view.line(
    `${samples.length} Envoys are ready; their access logs are in ${workDirectory}, metrics at http://127.0.0.1:${ports.monitoring}/metrics`,
  );
  const traffic = sendTraffic(probes, (answer) => board.add(answer), { signal: stop, roundMs });
  let told = false;
  while (!stop.aborted) {
    const text = figures(board, await askedSplit(plane.store));
    const enough = board.total("reviews") >= sampleSize;
    if (enough && !told) view.line(text);
    told = enough;
    view.status(text);
    await sleep(500, undefined, { signal: stop }).catch(() => undefined);
  }
  await traffic;
}
