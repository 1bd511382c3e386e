import { Reflector } from "@lateen/kube";
import type { KubeClient, KubeObject } from "@lateen/kube";
import type { Locality } from "@lateen/model";
import { localityOfNode } from "@lateen/registries";
import type { Logger } from "@lateen/runtime";
import type { Intake } from "../intake/claim.ts";
import { readObject } from "../intake/read-object.ts";
import type { IntakeOptions } from "../intake/read-object.ts";
import type { Sink, Source } from "../source.ts";
import { nodeKind, watchedKinds } from "./kinds.ts";
import type { WatchedKind } from "./kinds.ts";

export interface KubernetesOptions {
  readonly client: KubeClient;
  readonly intake: IntakeOptions;
  readonly logger: Logger;
  /** Told of every configuration object as it was judged, so that its status can say so. */
  readonly onJudged?: (object: KubeObject, intake: Intake) => void;
  /** Told of every Ingress as it is in the cluster, before what it says is taken. */
  readonly ingresses?: { seen(object: KubeObject): void; gone(object: KubeObject): void };
}

/** How long a kind that was listed once may be away before it makes the replica unready. */
const toleratedMs = 30_000;

/** Follows every kind of the mesh in a cluster; each object is a unit of its own. */
export class KubernetesSource implements Source {
  readonly #options: KubernetesOptions;
  /** Kinds that cannot be followed, with the time that was first seen. */
  readonly #awaySince = new Map<string, number>();
  readonly #reflectors = new Map<string, Reflector>();
  readonly #units = new Map<string, Set<string>>();
  readonly #localities = new Map<string, Locality>();
  readonly #podsByNode = new Map<string, Map<string, KubeObject>>();

  constructor(options: KubernetesOptions) {
    this.#options = options;
  }

  /** A hiccup of one watch is no reason to take the admission webhook away; a kind that stays away is. */
  problem(): string | undefined {
    for (const [kind, reflector] of this.#reflectors) {
      if (!reflector.synced) return `${kind}: ${reflector.problem ?? "not listed yet"}`;
      if (reflector.problem === undefined) this.#awaySince.delete(kind);
      else if (!this.#awaySince.has(kind)) this.#awaySince.set(kind, performance.now());
      else if (performance.now() - (this.#awaySince.get(kind) ?? 0) > toleratedMs)
        return `${kind}: ${reflector.problem}`;
    }
    return this.#reflectors.size === 0 ? "not started" : undefined;
  }

  /** Rejects only where a handler threw, which is a fault of ours. */
  async run(sink: Sink, signal: AbortSignal): Promise<void> {
    const all = [nodeKind, ...watchedKinds(this.#options.intake.rootNamespace)];
    const unsynced = new Set(all.map(({ kind }) => kind));
    const onReset = (kind: string): void => {
      if (unsynced.delete(kind) && unsynced.size === 0) sink.synced();
    };
    await Promise.all(all.map((watched) => this.#reflect(watched, sink, onReset).run(signal)));
  }

  #reflect(watched: WatchedKind, sink: Sink, onReset: (kind: string) => void): Reflector {
    const take = (changes: Map<string, Intake | undefined>): void => sink.take(changes, Date.now());
    const reflector = new Reflector(this.#options.client, {
      type: watched.type,
      ...watched.selection,
      trim: watched.trim,
      logger: this.#options.logger,
      missingKind: watched.custom ? "empty" : "retry",
      handler: {
        reset: (objects) => {
          take(this.#reset(watched, objects));
          onReset(watched.kind);
        },
        apply: (object) => take(this.#apply(watched, object)),
        delete: (object) => take(this.#delete(watched, object)),
      },
    });
    this.#reflectors.set(watched.kind, reflector);
    return reflector;
  }

  #reset(watched: WatchedKind, objects: readonly KubeObject[]): Map<string, Intake | undefined> {
    const changes = new Map<string, Intake | undefined>();
    const present = new Set(objects.map((object) => unitOf(watched.kind, object)));
    for (const unit of this.#unitsOf(watched.kind)) if (!present.has(unit)) changes.set(unit, undefined);
    if (watched === nodeKind) this.#localities.clear();
    if (watched.kind === "Pod") this.#podsByNode.clear();
    this.#units.set(watched.kind, present);
    for (const object of objects) for (const [unit, intake] of this.#apply(watched, object)) changes.set(unit, intake);
    return changes;
  }

  #apply(watched: WatchedKind, object: KubeObject): Map<string, Intake | undefined> {
    if (watched === nodeKind) return this.#applyNode(object);
    if (watched.kind === "Pod") this.#rememberPod(object);
    const unit = unitOf(watched.kind, object);
    this.#unitsOf(watched.kind).add(unit);
    const intake = this.#judge(watched.kind, object);
    if (watched.custom) this.#options.onJudged?.(object, intake);
    if (watched.kind === "Ingress") this.#options.ingresses?.seen(object);
    return new Map([[unit, intake]]);
  }

  #delete(watched: WatchedKind, object: KubeObject): Map<string, Intake | undefined> {
    if (watched === nodeKind) {
      this.#localities.delete(object.metadata.name);
      return new Map();
    }
    const unit = unitOf(watched.kind, object);
    this.#unitsOf(watched.kind).delete(unit);
    if (watched.kind === "Pod") this.#podsByNode.get(nodeOf(object))?.delete(unit);
    if (watched.kind === "Ingress") this.#options.ingresses?.gone(object);
    return new Map([[unit, undefined]]);
  }

  /** Pods take their locality from their node, whichever of the two is seen first. */
  #applyNode(object: KubeObject): Map<string, Intake | undefined> {
    const { name } = object.metadata;
    const locality = localityOfNode(object);
    if (JSON.stringify(this.#localities.get(name)) === JSON.stringify(locality)) return new Map();
    this.#localities.set(name, locality);
    return new Map([...(this.#podsByNode.get(name) ?? [])].map(([unit, pod]) => [unit, this.#judge("Pod", pod)]));
  }

  #rememberPod(pod: KubeObject): void {
    const node = nodeOf(pod);
    if (node === "") return;
    const pods = this.#podsByNode.get(node) ?? new Map<string, KubeObject>();
    pods.set(unitOf("Pod", pod), pod);
    this.#podsByNode.set(node, pods);
  }

  #judge(kind: string, object: KubeObject): Intake {
    const { namespace = "", name } = object.metadata;
    const options = { ...this.#options.intake, localityOf: (node: string) => this.#localities.get(node) };
    return readObject({ raw: object, origin: { kind, namespace, name } }, options);
  }

  #unitsOf(kind: string): Set<string> {
    const units = this.#units.get(kind) ?? new Set<string>();
    this.#units.set(kind, units);
    return units;
  }
}

function unitOf(kind: string, { metadata }: KubeObject): string {
  return `${kind}/${metadata.namespace ?? ""}/${metadata.name}`;
}

function nodeOf(pod: KubeObject): string {
  const node = (pod["spec"] as { nodeName?: unknown } | undefined)?.nodeName;
  return typeof node === "string" ? node : "";
}
