import { kindOf } from "@lateen/api";
import { patchStatus } from "@lateen/kube";
import type { KubeClient, KubeObject, ResourceType } from "@lateen/kube";
import type { Logger } from "@lateen/runtime";
import { fields, toError } from "@lateen/runtime";
import { setTimeout as sleep } from "node:timers/promises";
import type { Intake } from "../intake/claim.ts";
import { statusFor } from "./status.ts";
import type { ObjectStatus } from "./status.ts";

interface Pending {
  readonly object: KubeObject;
  readonly intake: Intake;
}

const pauseMs = 100;
const retryMs = 2_000;

/** Writes what validation says into objects' status: newest wins, one at a time, and only while this replica leads. */
export class StatusWriter {
  readonly #client: KubeClient;
  readonly #logger: Logger;
  readonly #pending = new Map<string, Pending>();

  constructor(client: KubeClient, logger: Logger) {
    this.#client = client;
    this.#logger = logger;
  }

  judged(object: KubeObject, intake: Intake): void {
    const { namespace = "", name, generation = 0 } = object.metadata;
    const unit = `${object.kind ?? ""}/${namespace}/${name}`;
    if (statusFor(currentOf(object), generation, intake, "")) this.#pending.set(unit, { object, intake });
    else this.#pending.delete(unit);
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const [next] = this.#pending;
      if (!next) await pause(pauseMs, signal);
      else if (!(await this.#write(...next, signal))) await pause(retryMs, signal);
    }
  }

  async #write(unit: string, pending: Pending, signal: AbortSignal): Promise<boolean> {
    const { object, intake } = pending;
    const { namespace, name, generation = 0 } = object.metadata;
    const type = typeOf(object);
    const status = statusFor(currentOf(object), generation, intake, new Date().toISOString().replace(/\.\d+Z$/, "Z"));
    try {
      if (type && status) await patchStatus(this.#client, type, { namespace, name }, { ...status }, { signal });
      if (this.#pending.get(unit) === pending) this.#pending.delete(unit);
      return true;
    } catch (error) {
      if (!signal.aborted)
        this.#logger.warn(
          { [fields.origin]: unit, [fields.error]: toError(error) },
          "cannot write an object's status, trying again",
        );
      return false;
    }
  }
}

function currentOf(object: KubeObject): ObjectStatus {
  const status = object["status"];
  return typeof status === "object" && status !== null ? status : {};
}

function typeOf({ apiVersion = "", kind = "" }: KubeObject): ResourceType | undefined {
  const definition = kindOf(apiVersion, kind);
  return definition && { apiVersion, plural: definition.plural };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
