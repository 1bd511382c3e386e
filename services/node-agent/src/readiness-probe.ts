import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import type { Component } from "@lateen/runtime";
import { type ApplicationProbe, probeApplication } from "./application-probes.ts";
import type { Announcement, Announcements } from "./workload/own-types.ts";

/** Istio's ReadinessProbe, as the ProxyConfig of a workload outside the cluster has it. */
export interface ReadinessProbe extends ApplicationProbe {
  readonly httpGet?: NonNullable<ApplicationProbe["httpGet"]> & { readonly host?: string };
  readonly tcpSocket?: NonNullable<ApplicationProbe["tcpSocket"]> & { readonly host?: string };
  readonly exec?: { readonly command: readonly string[] };
  readonly initialDelaySeconds?: number;
  readonly periodSeconds?: number;
  readonly successThreshold?: number;
  readonly failureThreshold?: number;
}

export interface HealthReports extends Announcements {
  readonly component: Component;
}

const typeUrl = "type.googleapis.com/istio.v1.HealthInformation";

/** Asks the application again and again, and has pilot told whenever it becomes well or unwell. */
export function createHealthReports(probe: ReadinessProbe, applicationHost: string): HealthReports {
  const listeners = new Set<() => void>();
  let said: Announcement | undefined;
  const say = (problem: string | undefined): void => {
    said = { typeUrl, ...(problem === undefined ? {} : { problem }) };
    for (const listener of listeners) listener();
  };
  return {
    current: () => said,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    component: {
      name: "readiness-probe",
      checks: [],
      run: (signal) => keepAsking(probe, { host: applicationHost, say }, signal),
    },
  };
}

async function keepAsking(
  probe: ReadinessProbe,
  { host, say }: { readonly host: string; say(problem: string | undefined): void },
  signal: AbortSignal,
): Promise<void> {
  const { initialDelaySeconds = 0, periodSeconds = 10, successThreshold = 1, failureThreshold = 3 } = probe;
  const pause = (seconds: number): Promise<void> =>
    sleep(seconds * 1_000, undefined, { signal }).catch(() => undefined);
  let healthy: boolean | undefined;
  let inRow = { good: true, count: 0 };
  await pause(initialDelaySeconds);
  while (!signal.aborted) {
    const problem = await problemOf(probe, host);
    const good = problem === undefined;
    inRow = { good, count: inRow.good === good ? inRow.count + 1 : 1 };
    if (healthy !== good && inRow.count >= ((good ? successThreshold : failureThreshold) || 1)) {
      healthy = good;
      say(problem);
    }
    await pause(periodSeconds || 10);
  }
}

/** What is wrong with the application; undefined when all is well. */
async function problemOf(probe: ReadinessProbe, applicationHost: string): Promise<string | undefined> {
  if (probe.exec !== undefined) return await problemOfCommand(probe.exec.command, (probe.timeoutSeconds || 1) * 1_000);
  const host = probe.httpGet?.host || probe.tcpSocket?.host || applicationHost;
  const status = await probeApplication(probe, host);
  return status >= 200 && status < 400 ? undefined : `the readiness probe got ${status}`;
}

function problemOfCommand([command = "", ...args]: readonly string[], timeoutMs: number): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  execFile(command, args, { timeout: timeoutMs, killSignal: "SIGKILL" }, (error) =>
    resolve(error === null ? undefined : `the readiness probe's command failed: ${error.message}`),
  );
  return promise;
}
