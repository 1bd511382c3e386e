/** Names one kind of the API by its path, e.g. `{ apiVersion: "apps/v1", plural: "deployments" }`. */
export interface ResourceType {
  readonly apiVersion: string;
  readonly plural: string;
}

/** Names one object; `namespace` is absent for cluster-scoped kinds. */
export interface KubeRef {
  readonly namespace?: string | undefined;
  readonly name: string;
}

export interface KubeObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

/** An object exactly as the API server's JSON has it: timestamps are strings, absent fields are absent. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: KubeObjectMeta;
  readonly [field: string]: unknown;
}

/** Picks among a kind's objects. Without a namespace: all namespaces. */
export interface Selection {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

/** The API path of a kind's collection, or of one object and its subresource. */
export function pathOf(
  type: ResourceType,
  ref: { namespace?: string | undefined; name?: string; subresource?: string } = {},
): string {
  const root = type.apiVersion.includes("/") ? `/apis/${type.apiVersion}` : `/api/${type.apiVersion}`;
  const scope = ref.namespace === undefined ? "" : `/namespaces/${encodeURIComponent(ref.namespace)}`;
  const name = ref.name === undefined ? "" : `/${encodeURIComponent(ref.name)}`;
  const subresource = ref.subresource === undefined ? "" : `/${ref.subresource}`;
  return `${root}${scope}/${type.plural}${name}${subresource}`;
}

/** `deployments.apps/v1 demo/web`: how messages name an object. */
export function describeObject(type: ResourceType, ref: Partial<KubeRef>): string {
  const name = [ref.namespace, ref.name].filter((part) => part !== undefined).join("/");
  return name === "" ? `${type.plural} (${type.apiVersion})` : `${type.plural} (${type.apiVersion}) ${name}`;
}
