import { setTimeout as sleep } from "node:timers/promises";

/** Polls `url` until it answers 200. Rejects after `timeoutMs` with what it said last. */
export async function waitForOk(url: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  let last = "no answer";
  while (!signal.aborted) {
    const response = await fetch(url, { signal: AbortSignal.timeout(1_000) }).catch((cause: unknown) => String(cause));
    if (typeof response !== "string" && response.ok) return;
    last = typeof response === "string" ? response : `${response.status} ${await response.text()}`;
    if (Date.now() > deadline) throw new Error(`${url} is not ready after ${timeoutMs / 1000} s: ${last}`);
    await sleep(50);
  }
}
