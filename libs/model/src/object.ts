/** Label names to values, as Kubernetes has them. */
export type Labels = Readonly<Record<string, string>>;

/** Names one object of the mesh. */
export interface ObjectRef {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** Where an object came from, for messages to its owner. `file` is absent for Kubernetes; `line` is 1-based. */
export interface Origin extends ObjectRef {
  readonly file?: string;
  readonly line?: number;
}

export interface ObjectMeta {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  readonly annotations: Labels;
  /** Unix milliseconds; 0 where the source does not know. Older objects win conflicts, as in Istio. */
  readonly createdAtMs: number;
  readonly generation: number;
}

/** An address that was given to a host which was declared without one. */
export interface HostAddress {
  readonly host: string;
  readonly address: string;
}

/** What was found out about an object, or decided for it, besides what its owner wrote. */
export interface ObjectState {
  /** Whether the workload that a WorkloadEntry stands for may get traffic; absent where nobody checks. */
  readonly healthy?: boolean;
  /** Virtual addresses of a ServiceEntry's hosts, in the order of the hosts; docs/adr/0011. */
  readonly addresses?: readonly HostAddress[];
  /** Nobody outside the namespace of a ServiceEntry may see it, whatever its exportTo says: serviceEntryVisibility. */
  readonly ownNamespaceOnly?: true;
}

/** An accepted configuration object; `Spec` is the message of its kind. */
export interface MeshObject<Spec> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly meta: ObjectMeta;
  readonly spec: Spec;
  readonly state?: ObjectState;
  readonly origin: Origin;
}

/** A mistake in what a user wrote. A value, never thrown; all of them are collected. */
export interface Violation {
  readonly object: Origin;
  /** As in `spec.http[0].route[0].weight`; empty for the whole object. */
  readonly path: string;
  /** 1-based position in `object.file`, where there is one. */
  readonly line?: number;
  readonly column?: number;
  readonly severity: "error" | "warning";
  /** Stable, kebab-case. */
  readonly code: string;
  /** What is wrong with which value, and what would be right. */
  readonly message: string;
}

/** What the compiler noticed between objects that are each valid. */
export interface Finding {
  readonly object: ObjectRef;
  readonly severity: "error" | "warning" | "info";
  readonly code: string;
  readonly message: string;
  readonly related?: readonly ObjectRef[];
}

/** `VirtualService/default/reviews`: the form in logs, resources' origin and status. */
export function formatRef(ref: ObjectRef): string {
  return `${ref.kind}/${ref.namespace}/${ref.name}`;
}
