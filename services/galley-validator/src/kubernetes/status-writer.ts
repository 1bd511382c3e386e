import { kindOf } from "@lateen/api";
import { patchStatus } from "@lateen/kube";
import type { KubeClient, KubeObject, ResourceType } from "@lateen/kube";
import type { HostAddress, ObjectRef } from "@lateen/model";
import type { Logger } from "@lateen/runtime";
import { fields, toError } from "@lateen/runtime";
import { setTimeout as sleep } from "node:timers/promises";
import type { Intake } from "../intake/claim.ts";
import { statusFor } from "./status.ts";
import type { ObjectStatus } from "./status.ts";

interface Given {
  readonly object: ObjectRef;
  readonly addresses: readonly HostAddress[];
}

interface Pending {
  readonly object: KubeObject;
  readonly intake: Intake;
}

const pauseMs = 100;
const retryMs = 2_000;

/**
 * Writes what validation says, and the addresses a ServiceEntry was given, into objects' status: newest wins, one at a
 * time, and only while this replica leads.
 */
export class StatusWriter {
  readonly #client: KubeClient;
  readonly #logger: Logger;
  readonly #pending = new Map<string, Pending>();
  readonly #given = new Map<string, Given>();

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

  /** Istio's field, `status.addresses`. It also brings them back when the mesh store is lost. */
  given(object: ObjectRef, addresses: readonly HostAddress[]): void {
    if (object.kind !== "ServiceEntry") return;
    const named = addresses.filter(({ host }) => host !== "");
    if (named.length > 0)
      this.#given.set(`ServiceEntry/${object.namespace}/${object.name}`, { object, addresses: named });
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const [next] = this.#pending;
      const [given] = this.#given;
      const written = next ? this.#write(...next, signal) : given && this.#writeGiven(...given, signal);
      if (written === undefined) await pause(pauseMs, signal);
      else if (!(await written)) await pause(retryMs, signal);
    }
  }

  async #write(unit: string, pending: Pending, signal: AbortSignal): Promise<boolean> {
    const { object, intake } = pending;
    const { namespace, name, generation = 0 } = object.metadata;
    const type = typeOf(object);
    const status = statusFor(currentOf(object), generation, intake, new Date().toISOString().replace(/\.\d+Z$/, "Z"));
    return await this.#attempt(unit, signal, async () => {
      if (type && status) await patchStatus(this.#client, type, { namespace, name }, { ...status }, { signal });
      if (this.#pending.get(unit) === pending) this.#pending.delete(unit);
    });
  }

  async #writeGiven(unit: string, given: Given, signal: AbortSignal): Promise<boolean> {
    const { namespace, name } = given.object;
    const addresses = given.addresses.map(({ host, address }) => ({ host, value: address }));
    const type = { apiVersion: "networking.istio.io/v1", plural: "serviceentries" };
    return await this.#attempt(unit, signal, async () => {
      await patchStatus(this.#client, type, { namespace, name }, { addresses }, { signal });
      if (this.#given.get(unit) === given) this.#given.delete(unit);
    });
  }

  async #attempt(unit: string, signal: AbortSignal, write: () => Promise<void>): Promise<boolean> {
    try {
      await write();
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
