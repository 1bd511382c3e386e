/** One encoded resource. Immutable and shared: every stream that sends it sends this very Buffer. */
export interface Resource {
  readonly name: string;
  /** A hash of the bytes: equal versions are equal resources, in every replica. */
  readonly version: string;
  /** An encoded google.protobuf.Any. */
  readonly any: Buffer;
  /** `Kind/namespace/name` of the object to blame when a proxy rejects it. */
  readonly origin?: string;
  /** The same for parts of it that can be blamed alone, such as a route table's virtual hosts, by the part's name. */
  readonly partOrigins?: ReadonlyMap<string, string>;
}

/** Resources of one type by name; never changed once handed over. */
export type ResourceMap = ReadonlyMap<string, Resource>;

/**
 * Everything one proxy should have, at one revision of the mesh. A type that the control plane serves is present
 * even when it has no resources: the empty answer is what lets a proxy start.
 */
export interface ResourceSet {
  /** Goes on by itself where a later mesh leaves the resources as they are: whoever has these has that, too. */
  readonly revision: bigint;
  readonly byType: ReadonlyMap<string, ResourceMap>;
}

export const emptyResources: ResourceMap = new Map();
