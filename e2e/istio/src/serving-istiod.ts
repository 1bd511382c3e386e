import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { ApplicationSpec } from "@lateen/testkit";
import { kubernetesObjects } from "./kubernetes-objects.ts";
import { documentsOf } from "./istio-input.ts";
import { istiodServes } from "./programs.ts";

export interface ServedMesh {
  readonly applications: readonly ApplicationSpec[];
  readonly configs: readonly object[];
}

/** The discovery server of Istio's own control plane, in a process of its own, with a mesh. Ends on dispose. */
export class ServingIstiod implements AsyncDisposable {
  readonly pid: number;
  /** Its plaintext port. */
  readonly address: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, address: string) {
    this.#child = child;
    this.pid = child.pid ?? 0;
    this.address = address;
  }

  /** Rejects with `NotHere` where it cannot be built. */
  static async start(
    { applications, configs }: ServedMesh,
    onProgress: (line: string) => void,
  ): Promise<ServingIstiod> {
    const child = spawn(await istiodServes(onProgress), { stdio: ["pipe", "pipe", "inherit"] });
    const kubernetes = applications.flatMap((spec) =>
      [...kubernetesObjects(spec, "2026-01-01T00:00:00Z").values()].flat(),
    );
    child.stdin.write(`${JSON.stringify({ kubernetes: documentsOf(kubernetes), istio: documentsOf(configs) })}\n`);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const { value: address } = (await lines.next()) as { value?: string };
    if (address === undefined) throw new Error("istiod-serves ended before it listened");
    return new ServingIstiod(child, address);
  }

  /** An object that is there already, as it is from now on. */
  apply(config: object): void {
    this.#child.stdin?.write(`${JSON.stringify(config)}\n`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.kill();
    await exited;
  }
}
