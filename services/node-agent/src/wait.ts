import { setTimeout as sleep } from "node:timers/promises";
import { ask } from "./http-client.ts";

const pauseMs = 500;
const patienceMs = 60_000;

/**
 * `wait`: ends with 0 when the proxy takes traffic, with 1 when it does not within a minute. A hook of the container runs
 * it to keep the application from starting before.
 */
export async function waitForProxy(env: NodeJS.ProcessEnv = process.env, timeoutMs = patienceMs): Promise<number> {
  const host = env["STATUS_HOST"] ?? "0.0.0.0";
  const url = `http://${host === "0.0.0.0" ? "localhost" : host}:${env["ENVOY_STATUS_PORT"] ?? 15_021}/healthz/ready`;
  for (const endMs = performance.now() + timeoutMs; performance.now() < endMs; await sleep(pauseMs)) {
    const { status } = await ask(url, { timeoutMs: pauseMs, statusOnly: true }).catch(() => ({ status: 0 }));
    if (status === 200) return 0;
  }
  process.stderr.write(`the proxy is not ready after ${timeoutMs / 1_000} s: ${url}\n`);
  return 1;
}
