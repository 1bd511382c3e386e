import type { Labels, ObjectRef, Origin, Violation } from "@lateen/model";
import type { Entry } from "@lateen/protos/mesh/store/v1/entry_pb.js";

/** What one raw object wants of the mesh store: to be at `key`. */
export interface Claim {
  readonly key: string;
  readonly origin: Origin;
  readonly verdict:
    | { readonly is: "accepted"; readonly entry: Entry }
    /** It stays what it was: the last good version keeps serving. */
    | { readonly is: "invalid" };
  /** Errors of an invalid object, warnings of an accepted one. */
  readonly violations: readonly Violation[];
}

/** Everything a unit (a file, or one Kubernetes object) says. */
export interface Intake {
  readonly claims: readonly Claim[];
  /** Mistakes that belong to no claim: syntax, unknown kinds, objects without a name. */
  readonly violations: readonly Violation[];
  /** Something in it could not be told apart: what it claimed before and does not mention now must not be deleted. */
  readonly broken: boolean;
  /** Namespaces it describes. */
  readonly namespaces?: readonly NamespaceLabels[];
}

/** A Namespace, as far as selectors look at it. */
export interface NamespaceLabels {
  readonly name: string;
  readonly labels: Labels;
}

export const nothing: Intake = { claims: [], violations: [], broken: false };

export function refOf(origin: Origin): ObjectRef {
  return { kind: origin.kind, namespace: origin.namespace, name: origin.name };
}
