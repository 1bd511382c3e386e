import { setTimeout as sleep } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import type { WorkloadEntry } from "@lateen/api";
import { keys } from "@lateen/mesh-store";
import type { MeshStore } from "@lateen/mesh-store";
import type { MeshObject, ProxyNode } from "@lateen/model";
import type { WorkloadIdentity } from "@lateen/pki";
import { EntrySchema } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import type { Entry, Registration } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import { RpcCode, RpcError } from "@lateen/rpc";
import { fields, toError } from "@lateen/runtime";
import type { Logger } from "@lateen/runtime";
import type { ConnectedProxy } from "@lateen/xds-server";
import { nodeOf } from "./connected-node.ts";
import type { DeclaredWorkloads } from "./declared-workloads.ts";

type Fact = Omit<Registration, "$typeName" | "$unknown">;

interface Known {
  readonly connectionId: string;
  readonly fact: Fact;
}

export interface RegistrationsOptions {
  readonly store: MeshStore;
  readonly logger: Logger;
  readonly replica: string;
  /** Undefined while the mesh is not known yet. */
  readonly declared: () => DeclaredWorkloads | undefined;
  readonly identityOf: (proxy: ConnectedProxy) => WorkloadIdentity | undefined;
}

const retryMs = 1_000;

/**
 * Proxies that want to be workloads of a WorkloadGroup (node metadata AUTO_REGISTER_GROUP), or that are the workload of a
 * WorkloadEntry whose health they report (WORKLOAD_ENTRY). Pilot only tells what it sees, under `registration.`:
 * galley-validator makes the WorkloadEntry of it, or gives it its health; docs/adr/0012. The newest fact of each counts.
 */
export class Registrations {
  readonly #options: RegistrationsOptions;
  readonly #known = new Map<string, Known>();
  readonly #dirty = new Set<string>();
  #wake = Promise.withResolvers<void>();

  constructor(options: RegistrationsOptions) {
    this.#options = options;
  }

  /** Throws RpcError for a proxy that must not join the group, or be the entry, that it names. */
  check(proxy: ConnectedProxy): void {
    const node = nodeOf(proxy);
    const declared = this.#options.declared();
    if (declared === undefined) return;
    const name = node.autoRegisterGroup;
    if (name !== "") {
      const group = declared.groups.find(({ meta }) => meta.namespace === node.namespace && meta.name === name);
      this.#admit(proxy, node, {
        ...{
          what: `WorkloadGroup ${node.namespace}/${name}`,
          named: "AUTO_REGISTER_GROUP",
          exists: group !== undefined,
        },
        serviceAccount: group?.spec.template?.serviceAccount ?? "",
      });
    } else if (namedEntry(node) !== "") {
      const entry = this.#entryOf(node);
      // Whoever may not say how it is may still be there: only what is reported is believed.
      if (entry !== undefined && entry.state === undefined) return;
      this.#admit(proxy, node, {
        ...{ what: `WorkloadEntry ${node.namespace}/${namedEntry(node)}`, named: "WORKLOAD_ENTRY" },
        ...{ exists: entry !== undefined, serviceAccount: entry?.spec.serviceAccount ?? "" },
      });
    }
  }

  #admit(proxy: ConnectedProxy, { id }: ProxyNode, { what, named, exists, serviceAccount }: Wanted): void {
    if (!exists)
      throw new RpcError(
        RpcCode.FAILED_PRECONDITION,
        `node ${id} wants to be a workload of ${what}, which does not exist; create it, or correct ${named}`,
      );
    const identity = this.#options.identityOf(proxy);
    if (identity === undefined)
      throw new RpcError(
        RpcCode.PERMISSION_DENIED,
        `node ${id} wants to be a workload of ${what}, for which it has to prove who it is; use the TLS port`,
      );
    if (serviceAccount !== "" && identity.serviceAccount !== serviceAccount)
      throw new RpcError(
        RpcCode.PERMISSION_DENIED,
        `${what} is for service account "${serviceAccount}", but the caller proved "${identity.serviceAccount}"`,
      );
  }

  #entryOf(node: ProxyNode): MeshObject<WorkloadEntry> | undefined {
    const name = namedEntry(node);
    return this.#options
      .declared()
      ?.entries.find(({ meta }) => meta.namespace === node.namespace && meta.name === name);
  }

  connected(proxy: ConnectedProxy): void {
    const node = nodeOf(proxy);
    if (node.autoRegisterGroup === "" && this.#entryOf(node)?.state === undefined) return;
    const fact = this.#factOf(proxy, node);
    const key = keys.registration(fact.namespace, fact.name);
    const before = this.#known.get(key)?.fact.healthy;
    this.#set(key, {
      connectionId: proxy.connectionId,
      fact: { ...fact, ...(before === undefined ? {} : { healthy: before }) },
    });
  }

  /** A newer connection of the same workload is not touched. */
  disconnected(proxy: ConnectedProxy): void {
    this.#change(proxy, (fact) => ({ ...fact, disconnectedAtMs: BigInt(Date.now()) }));
  }

  healthReported(proxy: ConnectedProxy, problem: string | undefined): void {
    this.#change(proxy, (fact) => ({ ...fact, healthy: problem === undefined }));
  }

  /** Writes what is new until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = (): void => this.#wake.resolve();
    signal.addEventListener("abort", stop, { once: true });
    while (!signal.aborted) {
      if (this.#dirty.size === 0) await this.#wake.promise;
      this.#wake = Promise.withResolvers();
      for (const key of [...this.#dirty]) await this.#write(key, signal);
    }
    signal.removeEventListener("abort", stop);
  }

  #change(proxy: ConnectedProxy, change: (fact: Fact) => Fact): void {
    const node = nodeOf(proxy);
    const key = keys.registration(node.namespace, entryName(node));
    const known = this.#known.get(key);
    if (known?.connectionId === proxy.connectionId) this.#set(key, { ...known, fact: change(known.fact) });
  }

  #set(key: string, known: Known): void {
    this.#known.set(key, known);
    this.#dirty.add(key);
    this.#wake.resolve();
  }

  async #write(key: string, signal: AbortSignal): Promise<void> {
    const { store, logger } = this.#options;
    const known = this.#known.get(key);
    this.#dirty.delete(key);
    if (known === undefined) return;
    try {
      const stored = await store.get(key);
      const written = stored?.entry.value.case === "registration" ? stored.entry.value.value : undefined;
      // A workload that moved to another replica is that one's to tell of.
      if (written !== undefined && written.connectedAtMs > known.fact.connectedAtMs) return;
      const healthy = known.fact.healthy ?? written?.healthy;
      const entry = entryOf({ ...known.fact, ...(healthy === undefined ? {} : { healthy }) });
      const done =
        stored === undefined ? await store.create(key, entry) : await store.replace(key, entry, stored.revision);
      if (done === undefined) this.#again(key);
      else if (known.fact.disconnectedAtMs > 0n && this.#known.get(key) === known) this.#known.delete(key);
    } catch (error) {
      logger.warn({ [fields.key]: key, [fields.error]: toError(error) }, "cannot tell of a workload, trying again");
      this.#again(key);
      await sleep(retryMs, undefined, { signal }).catch(() => undefined);
    }
  }

  #again(key: string): void {
    this.#dirty.add(key);
    this.#wake.resolve();
  }

  #factOf(proxy: ConnectedProxy, node: ProxyNode): Fact {
    const { region = "", zone = "", subZone = "" } = proxy.node.locality ?? {};
    const proxyConfig = proxy.node.metadata?.["PROXY_CONFIG"];
    const checked = typeof proxyConfig === "object" && proxyConfig !== null && "readinessProbe" in proxyConfig;
    return {
      namespace: node.namespace,
      name: entryName(node),
      group: node.autoRegisterGroup,
      address: node.addresses[0] ?? "",
      network: node.network,
      locality: [region, zone, subZone].filter((part) => part !== "").join("/"),
      labels: { ...node.labels },
      serviceAccount: this.#options.identityOf(proxy)?.serviceAccount ?? "",
      replica: this.#options.replica,
      connectedAtMs: BigInt(proxy.connectedAtMs),
      disconnectedAtMs: 0n,
      healthChecked: checked,
    };
  }
}

interface Wanted {
  readonly what: string;
  /** The metadata that says so. */
  readonly named: string;
  readonly exists: boolean;
  /** Empty: any. */
  readonly serviceAccount: string;
}

/** The WorkloadEntry that the proxy says it is; empty: none. */
function namedEntry({ metadata }: ProxyNode): string {
  return metadata["WORKLOAD_ENTRY"] ?? "";
}

/** The one it names, or Istio's name for one that is made: `<group>-<ip>[-<network>]`, of at most 253 characters. */
export function entryName(node: ProxyNode): string {
  const { autoRegisterGroup, addresses, network } = node;
  if (autoRegisterGroup === "") return namedEntry(node);
  const parts = [autoRegisterGroup, (addresses[0] ?? "").replaceAll(":", "-"), ...(network === "" ? [] : [network])];
  return parts.join("-").slice(-253);
}

function entryOf(fact: Fact): Entry {
  return create(EntrySchema, { schemaVersion: 1, value: { case: "registration", value: fact } });
}
