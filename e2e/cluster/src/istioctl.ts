import { istioctl } from "@lateen/e2e-istio";
import { capture } from "./command.ts";
import type { World } from "./world.ts";

/** Istio's own istioctl, asked about the mesh of `world`. Answers what it prints; rejects where it ends with another code than 0. */
export async function askIstioctl({ cluster, print }: World, ...args: readonly string[]): Promise<string> {
  const program = await istioctl((line) => print(`         ${line}`));
  return await capture(program, args, { env: cluster.environment, timeoutMs: 60_000 });
}
