import { patchStatus } from "@lateen/kube";
import type { KubeClient, KubeObject } from "@lateen/kube";
import { keys } from "@lateen/mesh-store";
import { compareText, isIp } from "@lateen/model";
import type { Logger } from "@lateen/runtime";
import { fields, toError } from "@lateen/runtime";
import { setTimeout as sleep } from "node:timers/promises";
import type { IngressView } from "./ingress-view.ts";

const pauseMs = 100;
const retryMs = 2_000;
const type = { apiVersion: "networking.k8s.io/v1", plural: "ingresses" };

/** As Kubernetes has it in `status.loadBalancer.ingress`. */
export type IngressAddress = { readonly ip: string } | { readonly hostname: string };

/** Addresses before names, each sorted: Istio's order. */
export function ingressAddresses(addresses: readonly string[]): readonly IngressAddress[] {
  const ips = addresses.filter(isIp).sort(compareText);
  const names = addresses.filter((address) => !isIp(address)).sort(compareText);
  return [...ips.map((ip) => ({ ip })), ...names.map((hostname) => ({ hostname }))];
}

/**
 * Writes where the gateway is found into the status of the Ingresses it serves, while this replica leads; takes it away
 * from those that were served and are not any more.
 */
export class IngressStatuses {
  readonly #client: KubeClient;
  readonly #view: IngressView;
  readonly #logger: Logger;
  /** What objects' statuses say, by key. */
  readonly #current = new Map<string, string>();
  /** Keys that got their addresses here. */
  readonly #given = new Set<string>();
  #dirty = true;

  constructor(client: KubeClient, view: IngressView, logger: Logger) {
    this.#client = client;
    this.#view = view;
    this.#logger = logger;
  }

  /** An Ingress as it is in the cluster. */
  seen(object: KubeObject): void {
    this.#current.set(keyOf(object), currentOf(object));
    this.#dirty = true;
  }

  gone(object: KubeObject): void {
    this.#current.delete(keyOf(object));
    this.#given.delete(keyOf(object));
  }

  /** Something that decides about them is different. */
  changed(): void {
    this.#dirty = true;
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#dirty = true;
    while (!signal.aborted) {
      const wanted = this.#dirty ? this.#wanted() : undefined;
      this.#dirty = false;
      if (wanted !== undefined && !(await this.#writeAll(wanted, signal))) {
        this.#dirty = true;
        await pause(retryMs, signal);
      } else await pause(pauseMs, signal);
    }
  }

  /** Of objects whose status is to be another: that. */
  #wanted(): ReadonlyMap<string, readonly IngressAddress[]> {
    const addresses = ingressAddresses(this.#view.addresses());
    const served = this.#view.served();
    const left = [...this.#given].filter((key) => !served.has(key) && this.#current.has(key));
    const wanted = [
      ...[...served.keys()].map((key) => [key, addresses] as const),
      ...left.map((key) => [key, []] as const),
    ];
    return new Map(wanted.filter(([key, each]) => this.#current.get(key) !== JSON.stringify(each)));
  }

  async #writeAll(wanted: ReadonlyMap<string, readonly IngressAddress[]>, signal: AbortSignal): Promise<boolean> {
    for (const [key, addresses] of wanted) if (!(await this.#write(key, addresses, signal))) return false;
    return true;
  }

  async #write(key: string, addresses: readonly IngressAddress[], signal: AbortSignal): Promise<boolean> {
    const place = keys.parse(key);
    if (place?.type !== "config") return true;
    const { namespace, name } = place;
    try {
      await patchStatus(this.#client, type, { namespace, name }, { loadBalancer: { ingress: addresses } }, { signal });
      this.#current.set(key, JSON.stringify(addresses));
      if (addresses.length > 0) this.#given.add(key);
      else this.#given.delete(key);
      return true;
    } catch (error) {
      if (!signal.aborted)
        this.#logger.warn(
          { [fields.origin]: `Ingress/${namespace}/${name}`, [fields.error]: toError(error) },
          "cannot write an Ingress's addresses, trying again",
        );
      return false;
    }
  }
}

function keyOf({ metadata: { namespace = "", name } }: KubeObject): string {
  return keys.config("Ingress", namespace, name);
}

interface RawStatus {
  readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string; readonly hostname?: string }[] };
}

function currentOf(object: KubeObject): string {
  const { loadBalancer } = (object["status"] ?? {}) as RawStatus;
  return JSON.stringify(
    ingressAddresses((loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname ?? "")),
  );
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
