import { setTimeout as delay } from "node:timers/promises";
import type { KubeObject } from "../resource.ts";
import type { ReflectorHandler } from "../reflector.ts";

/** A handler that keeps the state and a log of verbs: "reset a,b", "apply c", "delete a". */
export class Recorder implements ReflectorHandler {
  readonly log: string[] = [];
  readonly state = new Map<string, KubeObject>();

  reset(objects: readonly KubeObject[]): void {
    this.state.clear();
    for (const object of objects) this.state.set(object.metadata.name, object);
    this.log.push(`reset ${objects.map((object) => object.metadata.name).join(",")}`);
  }

  apply(object: KubeObject): void {
    this.state.set(object.metadata.name, object);
    this.log.push(`apply ${object.metadata.name}`);
  }

  delete(object: KubeObject): void {
    this.state.delete(object.metadata.name);
    this.log.push(`delete ${object.metadata.name}`);
  }
}

/** Waits until the condition holds; fails with `what` after the timeout. */
export async function eventually(what: string, condition: () => boolean, timeoutMs = 60_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await delay(10);
  }
}
