import type { DescMessage, JsonObject, MessageShape } from "@bufbuild/protobuf";
import type { ObjectMeta, ObjectState } from "@lateen/model";
import type { Cursor } from "../report.ts";
import type { NotBuiltField } from "../schema/read-message.ts";

/** A column of `kubectl get`. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: "string" | "date";
  readonly jsonPath: string;
  readonly description: string;
}

/** Everything that is said once about a kind; the validator, the CRD and the store's form all come from it. */
export interface KindDefinition<D extends DescMessage = DescMessage> {
  readonly kind: string;
  readonly group: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  /** Served versions, all with the same schema. */
  readonly versions: readonly string[];
  readonly storageVersion: string;
  readonly scope: "Namespaced" | "Cluster";
  /** False for MeshConfig, which comes from a ConfigMap, and for kinds of Kubernetes itself. */
  readonly hasCrd: boolean;
  /** The message of `spec`. */
  readonly schema: D;
  readonly notBuilt: readonly NotBuiltField[];
  readonly unknownFields: "error" | "warning";
  /** Of fields that cannot tell "not written" from zero: what they are then. */
  readonly defaults: JsonObject;
  /** Lists that must not be written empty, by pattern, with the remedy. */
  readonly nonEmpty: Readonly<Record<string, string>>;
  readonly columns: readonly PrinterColumn[];
  /** What `status` says that the mesh acts upon. Not the owner's words: what cannot be read says nothing. */
  readState?(status: unknown, meta: ObjectMeta): ObjectState | undefined;
  /** What Istio's webhook refuses, beyond the shape. `at` points at the spec. */
  check(spec: MessageShape<D>, at: Cursor, meta: ObjectMeta): void;
}

type Defaults =
  | "defaults"
  | "singular"
  | "categories"
  | "scope"
  | "hasCrd"
  | "unknownFields"
  | "nonEmpty"
  | "columns"
  | "notBuilt";
type Given<D extends DescMessage> = Omit<KindDefinition<D>, Defaults> & Partial<Pick<KindDefinition<D>, Defaults>>;

export function defineKind<D extends DescMessage>(given: Given<D>): KindDefinition<D> {
  const [area = ""] = given.group.split(".");
  const family = given.group.endsWith(".istio.io") ? ["istio-io", `${area}-istio-io`] : ["lateen"];
  return {
    singular: given.kind.toLowerCase(),
    categories: family,
    scope: "Namespaced",
    hasCrd: true,
    unknownFields: "error",
    nonEmpty: {},
    defaults: {},
    columns: [],
    notBuilt: [],
    ...given,
  };
}

export const networkingVersions = {
  group: "networking.istio.io",
  versions: ["v1", "v1beta1", "v1alpha3"],
  storageVersion: "v1",
} as const;
export const securityVersions = {
  group: "security.istio.io",
  versions: ["v1", "v1beta1"],
  storageVersion: "v1",
} as const;

export const extensionsVersions = {
  group: "extensions.istio.io",
  versions: ["v1alpha1"],
  storageVersion: "v1alpha1",
} as const;

export const ageColumn: PrinterColumn = {
  name: "Age",
  type: "date",
  jsonPath: ".metadata.creationTimestamp",
  description: "Time since the object was created",
};
