import { fromConfigObject } from "@lateen/api";
import type { MeshConfig } from "@lateen/api";
import { compareText } from "@lateen/model";
import type { Labels, MeshObject } from "@lateen/model";
import type { Entry } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import type { NamespaceLabels } from "../intake/claim.ts";

type LabelSelector = MeshConfig["discoverySelectors"][number];
type Requirement = LabelSelector["matchExpressions"][number];
type Visibility = NonNullable<MeshConfig["serviceEntryVisibility"]>;

/** How far ServiceEntries of a namespace may be seen at most. */
export type Reach = "mesh" | "namespace" | "nowhere";

/** By Istio's number; what is not said is public. */
const reaches: readonly Reach[] = ["mesh", "nowhere", "namespace", "mesh"];

/** What the mesh itself is like is looked at wherever it is written, and so is what is of no namespace. */
const always: ReadonlySet<string> = new Set(["MeshConfig", "MeshNetworks", "IngressClass"]);

/**
 * Whose objects count: those of namespaces that one of MeshConfig's `discoverySelectors` selects, the root namespace
 * no less; all where there are none. And how far its ServiceEntries reach (`serviceEntryVisibility`).
 * https://github.com/istio/istio/blob/0098d99f8e43fe516aaac5a84a131b4ce3c8b9d1/pkg/kube/namespace/filter.go
 */
export class LookedAt {
  readonly #namespaces = new Map<string, readonly NamespaceLabels[]>();
  readonly #rootNamespace: string;
  #labels: ReadonlyMap<string, Labels> = new Map();
  #selectors: readonly LabelSelector[] = [];
  #visibility: Visibility | undefined;

  constructor(rootNamespace: string) {
    this.#rootNamespace = rootNamespace;
  }

  /** What a unit says of namespaces now. */
  setNamespaces(unit: string, namespaces: readonly NamespaceLabels[]): void {
    if (namespaces.length > 0) this.#namespaces.set(unit, namespaces);
    else this.#namespaces.delete(unit);
    const all = [...this.#namespaces].sort(([left], [right]) => compareText(right, left)); // the first unit counts
    this.#labels = new Map(all.flatMap(([, each]) => each.map(({ name, labels }) => [name, labels] as const)));
  }

  /** All MeshConfigs there are: the oldest of the root namespace counts, as for everything else. */
  setMesh(entries: readonly Entry[]): void {
    const [oldest] = entries
      .flatMap((entry) => meshConfigOf(entry) ?? [])
      .filter(({ meta }) => meta.namespace === this.#rootNamespace)
      .sort(
        (left, right) => left.meta.createdAtMs - right.meta.createdAtMs || compareText(left.meta.name, right.meta.name),
      );
    this.#selectors = oldest?.spec.discoverySelectors ?? [];
    const visibility = oldest?.spec.serviceEntryVisibility;
    this.#visibility = visibility?.applyToSidecars === true ? visibility : undefined;
  }

  /** Equal texts, equal answers. */
  get state(): string {
    if (this.#selectors.length === 0 && this.#visibility === undefined) return "";
    const namespaces = [...this.#labels.keys()].sort();
    const found = namespaces.map((name) => [name, this.#isSelected(name), this.reachOf(name)]);
    return JSON.stringify([this.#selectors, this.#visibility ?? null, found]);
  }

  has(kind: string, namespace: string): boolean {
    if (kind === "ServiceEntry" && this.reachOf(namespace) === "nowhere") return false;
    return always.has(kind) || this.#isSelected(namespace);
  }

  /** Of the namespace's ServiceEntries: the first policy all of whose rules match counts; one without rules always does. */
  reachOf(namespace: string): Reach {
    if (this.#visibility === undefined) return "mesh";
    const labels = this.#labelsOf(namespace);
    const { policies, defaultVisibility } = this.#visibility;
    const policy = policies.find(({ matchingRules }) =>
      matchingRules.every(({ matcher }) => matcher.case === "namespaceSelector" && isSelected(matcher.value, labels)),
    );
    return reaches[policy?.visibility ?? defaultVisibility] ?? "mesh";
  }

  #isSelected(namespace: string): boolean {
    if (this.#selectors.length === 0) return true;
    const labels = this.#labelsOf(namespace);
    return this.#selectors.some((selector) => isSelected(selector, labels));
  }

  /** Kubernetes gives every namespace the label with its name. */
  #labelsOf(namespace: string): Labels {
    return { ...this.#labels.get(namespace), "kubernetes.io/metadata.name": namespace };
  }
}

function isSelected({ matchLabels, matchExpressions }: LabelSelector, labels: Labels): boolean {
  const wanted = Object.entries(matchLabels);
  return wanted.every(([key, value]) => labels[key] === value) && matchExpressions.every((each) => holds(each, labels));
}

function holds({ key, operator, values }: Requirement, labels: Labels): boolean {
  const value = labels[key];
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    default:
      return value === undefined;
  }
}

function meshConfigOf({ value }: Entry): MeshObject<MeshConfig> | undefined {
  if (value.case !== "config" || value.value.kind !== "MeshConfig") return undefined;
  return fromConfigObject(value.value) as MeshObject<MeshConfig> | undefined;
}
