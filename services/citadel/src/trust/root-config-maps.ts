import { setTimeout as sleep } from "node:timers/promises";
import { type KubeClient, type KubeObject, Reflector, isNotFound } from "@lateen/kube";
import { type MeshStore, holdLease } from "@lateen/mesh-store";
import { type Component, type Logger, fields } from "@lateen/runtime";

export interface RootConfigMapsOptions {
  readonly client: KubeClient;
  /** Holds the lease that makes one replica the writer. */
  readonly store: MeshStore;
  /** This replica's name. */
  readonly holder: string;
  /** The roots to write; undefined while there are none yet. */
  readonly rootsPem: () => string | undefined;
  /** Told of every change of the roots. */
  readonly onRootsChanged: (listener: () => void) => () => void;
  readonly logger: Logger;
}

const configMaps = { apiVersion: "v1", plural: "configmaps" };
const namespaces = { apiVersion: "v1", plural: "namespaces" };
const name = "istio-ca-root-cert";
const key = "root-cert.pem";
/** As Istio: no workload of the mesh runs there. */
const skipped = new Set(["kube-system", "kube-public", "kube-node-lease", "local-path-storage"]);

/** Keeps ConfigMap `istio-ca-root-cert` in every namespace equal to the roots: what proxies verify the control plane with. */
export function createRootConfigMaps(options: RootConfigMapsOptions): Component {
  return {
    name: "root-config-maps",
    checks: [],
    run: (signal) =>
      holdLease(options.store, "citadel-root-cert", options.holder, signal, (held) => new Writer(options).run(held), {
        onError: (error) =>
          options.logger.warn({ [fields.error]: error }, "lease for the root certificates cannot be held"),
      }),
  };
}

/** One term of the lease. What is written comes from what is seen, so an edit by somebody else is undone. */
class Writer {
  readonly #options: RootConfigMapsOptions;
  readonly #namespaces = new Set<string>();
  /** What each namespace's ConfigMap says. */
  readonly #written = new Map<string, string>();
  #wake = new AbortController();

  constructor(options: RootConfigMapsOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { client, logger } = this.#options;
    const stop = this.#options.onRootsChanged(() => this.#wake.abort());
    const reflectors = [
      new Reflector(client, { type: namespaces, handler: this.#namespaceHandler, logger }),
      new Reflector(client, {
        type: configMaps,
        fieldSelector: `metadata.name=${name}`,
        handler: this.#configMapHandler,
        logger,
      }),
    ];
    const following = Promise.all(reflectors.map((reflector) => reflector.run(signal)));
    while (!signal.aborted) {
      this.#wake = new AbortController();
      const synced = reflectors.every((reflector) => reflector.synced);
      const done = synced && (await this.#writeAll(signal));
      const pauseMs = done ? 60_000 : synced ? 2_000 : 50;
      await sleep(pauseMs, undefined, { signal: AbortSignal.any([signal, this.#wake.signal]) }).catch(() => undefined);
    }
    stop();
    await following;
  }

  /** True when nothing is left to do. */
  async #writeAll(signal: AbortSignal): Promise<boolean> {
    const roots = this.#options.rootsPem();
    if (roots === undefined) return true;
    let complete = true;
    for (const namespace of this.#namespaces) {
      if (signal.aborted || this.#written.get(namespace) === roots) continue;
      complete = (await this.#write(namespace, roots, signal)) && complete;
    }
    return complete;
  }

  async #write(namespace: string, roots: string, signal: AbortSignal): Promise<boolean> {
    const labels = { "istio.io/config": "true" };
    const object = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { namespace, name, labels },
      data: { [key]: roots },
    };
    try {
      await this.#options.client.apply(configMaps, object, { fieldManager: "lateen-citadel", force: true, signal });
      this.#written.set(namespace, roots);
      return true;
    } catch (error) {
      if (isNotFound(error)) return true; // the namespace is gone
      if (!signal.aborted)
        this.#options.logger.warn(
          { [fields.error]: error, [fields.namespace]: namespace },
          "cannot write the root certificate, retrying",
        );
      return false;
    }
  }

  readonly #namespaceHandler = {
    reset: (objects: readonly KubeObject[]) => {
      this.#namespaces.clear();
      for (const object of objects) this.#namespaceHandler.apply(object);
    },
    apply: ({ metadata }: KubeObject) => {
      if (skipped.has(metadata.name)) return;
      if (metadata.deletionTimestamp) this.#namespaces.delete(metadata.name);
      else this.#namespaces.add(metadata.name);
      this.#wake.abort();
    },
    delete: ({ metadata }: KubeObject) => {
      this.#namespaces.delete(metadata.name);
    },
  };

  readonly #configMapHandler = {
    reset: (objects: readonly KubeObject[]) => {
      this.#written.clear();
      for (const object of objects) this.#configMapHandler.apply(object);
      this.#wake.abort();
    },
    apply: ({ metadata, ...object }: KubeObject) => {
      const data = (object["data"] ?? {}) as Readonly<Record<string, string>>;
      this.#written.set(metadata.namespace ?? "", data[key] ?? "");
      this.#wake.abort();
    },
    delete: ({ metadata }: KubeObject) => {
      this.#written.delete(metadata.namespace ?? "");
      this.#wake.abort();
    },
  };
}
