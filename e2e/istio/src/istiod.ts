import { spawn } from "node:child_process";
import { buffer } from "node:stream/consumers";
import type { IstioInput } from "./istio-input.ts";
import type { Json } from "./json.ts";

/** What istiod would send the proxy of a mesh: resources by the type's short name (`cds`, `eds`, `lds`, `rds`, `ecds`). */
export interface IstiodAnswer {
  readonly name: string;
  /** Why it takes the mesh not at all. */
  readonly error?: string;
  readonly resources?: Readonly<Record<string, readonly Json[]>>;
}

/** What Istio can do and does only where an operator asks for it. */
const switches = {
  ISTIO_DUAL_STACK: "true",
  ENABLE_TLS_ON_SIDECAR_INGRESS: "true",
  PILOT_ENABLE_MULTIPLE_CUSTOM_AUTHZ_PROVIDERS: "true",
};

/** Asks Istio's control plane about each mesh, in one process of `program` (see `istiodSays`). */
export async function askIstiod(program: string, inputs: readonly IstioInput[]): Promise<readonly IstiodAnswer[]> {
  const child = spawn(program, {
    ...{ stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...switches } },
    signal: AbortSignal.timeout(300_000),
  });
  const exited = new Promise<number | null>((done, fail) => child.once("error", fail).once("close", done));
  child.stdin.end(JSON.stringify(inputs));
  const [output, log, code] = await Promise.all([buffer(child.stdout), buffer(child.stderr), exited]);
  if (code !== 0)
    throw new Error(`istiod-says ended with ${code}: ${String(log).trim().split("\n").slice(-8).join("\n")}`);
  return JSON.parse(String(output)) as readonly IstiodAnswer[];
}
