import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/** What one request met: `status` 0 when no HTTP answer came back (refused, reset, timed out). */
export interface Answer {
  readonly probe: string;
  readonly status: number;
  /** `version` of the sample that answered, where one did. */
  readonly version?: string;
}

/** One kind of request, repeated `perRound` times each round. */
export interface Probe {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** Host header: how the mesh routes it. */
  readonly host: string;
  readonly path: string;
  readonly perRound: number;
}

/** Sends every probe each `roundMs` until `signal` aborts; `onAnswer` is called once a request. Never rejects. */
export async function sendTraffic(
  probes: readonly Probe[],
  onAnswer: (answer: Answer) => void,
  options: { readonly signal: AbortSignal; readonly roundMs: number },
): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  while (!options.signal.aborted) {
    const round = probes.flatMap((probe) =>
      Array.from({ length: probe.perRound }, () => send(probe, agent).then(onAnswer)),
    );
    await Promise.all([...round, sleep(options.roundMs)]);
  }
  agent.destroy();
}

/** One request; never rejects. */
export function send(probe: Probe, agent?: Agent): Promise<Answer> {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  const failed = (): void => resolve({ probe: probe.name, status: 0 });
  const { address, port, path, host } = probe;
  const call = request(
    { host: address, port, path, headers: { host }, timeout: 5_000, ...(agent && { agent }) },
    (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        body += chunk;
      });
      response.on("error", failed);
      response.on("end", () => {
        const version = versionIn(body);
        resolve({ probe: probe.name, status: response.statusCode ?? 0, ...(version !== undefined && { version }) });
      });
    },
  );
  call.on("timeout", () => call.destroy());
  call.on("error", failed);
  call.end();
  return promise;
}

function versionIn(body: string): string | undefined {
  try {
    const { version } = JSON.parse(body) as { version?: unknown };
    return typeof version === "string" ? version : undefined;
  } catch {
    return undefined; // Envoy's own answers (403, 429, 503) are plain text
  }
}
