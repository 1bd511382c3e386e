import type * as ir from "@lateen/ir";
import { audienceOf, compareText, formatRef, isMeant, selects } from "@lateen/model";
import type { Audience, Labels, MeshObject, ObjectRef, ProxyNode } from "@lateen/model";
import { RE2JS } from "re2js";
import type { EnvoyFilter, EnvoyFilterMatch } from "../istio.ts";
import { append } from "./ordering.ts";
import { patchOf } from "./patch-of.ts";

/** One patch of an EnvoyFilter, as far as it can be known without a proxy. */
export interface PreparedPatch {
  /** `EnvoyFilter/namespace/name#0`. */
  readonly ref: string;
  readonly owner: ObjectRef;
  readonly patch: ir.Patch;
  matches(node: ProxyNode): boolean;
  /** Messages in it that configure an extension, and so one that the proxy must contain. */
  readonly configTypes: readonly string[];
}

/** EnvoyFilters by whom they are for. */
export interface EnvoyFilterIndex {
  /** Every patch of configuration that is meant for `node`, in the order of application. */
  forProxy(node: ProxyNode, labels: Labels): readonly PreparedPatch[];
  /** The same for patches of what `node` is started with. */
  forBootstrap(node: ProxyNode, labels: Labels): readonly PreparedPatch[];
  find(ref: string): PreparedPatch | undefined;
}

interface PreparedFilter {
  readonly object: MeshObject<EnvoyFilter>;
  readonly audience: Audience;
  readonly patches: readonly PreparedPatch[];
  readonly bootstrap: readonly PreparedPatch[];
}

/** Kept with the object: a patch that did not change is the same in every snapshot, and so is what is made of it. */
const prepared = new WeakMap<MeshObject<EnvoyFilter>, PreparedFilter>();

export function indexEnvoyFilters(
  objects: readonly MeshObject<EnvoyFilter>[],
  rootNamespace: string,
): EnvoyFilterIndex {
  const byNamespace = new Map<string, PreparedFilter[]>();
  for (const object of objects) append(byNamespace, object.meta.namespace, prepare(object));
  const byRef = new Map(
    [...byNamespace.values()].flat().flatMap(({ patches }) => patches.map((patch) => [patch.ref, patch] as const)),
  );
  const ordered = new Map<string, readonly PreparedFilter[]>();
  const meantFor = (namespace: string): readonly PreparedFilter[] => {
    const known = ordered.get(namespace);
    if (known !== undefined) return known;
    const own = namespace === rootNamespace ? [] : (byNamespace.get(namespace) ?? []);
    const list = [...(byNamespace.get(rootNamespace) ?? []), ...own].sort(inOrder(rootNamespace));
    ordered.set(namespace, list);
    return list;
  };
  const selected = (node: ProxyNode, labels: Labels): readonly PreparedFilter[] =>
    meantFor(node.namespace).filter(({ audience }) => isMeant(audience, { namespace: node.namespace, labels }));
  return {
    find: (ref) => byRef.get(ref),
    forProxy: (node, labels) =>
      selected(node, labels).flatMap(({ patches }) => patches.filter((patch) => patch.matches(node))),
    forBootstrap: (node, labels) =>
      selected(node, labels).flatMap(({ bootstrap }) => bootstrap.filter((patch) => patch.matches(node))),
  };
}

/**
 * Istio's order: priority, then those of the root namespace, then the oldest, then by `name.namespace`.
 * https://github.com/istio/istio/blob/1.31.0/pilot/pkg/model/push_context.go
 */
function inOrder(rootNamespace: string): (left: PreparedFilter, right: PreparedFilter) => number {
  const rank = ({ object }: PreparedFilter): number => (object.meta.namespace === rootNamespace ? 0 : 1);
  const fullName = ({ object }: PreparedFilter): string => `${object.meta.name}.${object.meta.namespace}`;
  return (left, right) =>
    left.object.spec.priority - right.object.spec.priority ||
    rank(left) - rank(right) ||
    left.object.meta.createdAtMs - right.object.meta.createdAtMs ||
    compareText(fullName(left), fullName(right));
}

function prepare(object: MeshObject<EnvoyFilter>): PreparedFilter {
  const known = prepared.get(object);
  if (known !== undefined) return known;
  const all = object.spec.configPatches.flatMap((_patch, index) => preparePatch(object, index));
  const filter = {
    object,
    audience: audienceOf(object.meta.namespace, object.spec.workloadSelector?.labels, object.spec),
    patches: all.filter(({ patch }) => patch.target !== "bootstrap"),
    bootstrap: all.filter(({ patch }) => patch.target === "bootstrap"),
  };
  prepared.set(object, filter);
  return filter;
}

function preparePatch(object: MeshObject<EnvoyFilter>, index: number): readonly PreparedPatch[] {
  const patch = patchOf(object, index);
  if (patch === undefined) return [];
  const match = object.spec.configPatches[index]?.match;
  return [
    {
      ref: `${formatRef(object.origin)}#${index}`,
      owner: object.origin,
      patch,
      matches: proxyTest(match),
      configTypes: [...new Set(typesIn(patch.value))].filter(isExtension),
    },
  ];
}

/** Istio's GATEWAY is 3, SIDECAR_INBOUND 1 and SIDECAR_OUTBOUND 2. A version that is not told matches no expression. */
function proxyTest(match: EnvoyFilterMatch | undefined): (node: ProxyNode) => boolean {
  const { context = 0, proxy } = match ?? {};
  const type = context === 3 ? "router" : context === 0 ? undefined : "sidecar";
  const version = versionTest(proxy?.proxyVersion ?? "");
  const metadata = proxy?.metadata ?? {};
  return (node) =>
    (type === undefined || node.type === type) &&
    version(node.metadata["ISTIO_VERSION"] ?? "") &&
    selects(metadata, node.metadata);
}

function versionTest(expression: string): (version: string) => boolean {
  if (expression === "") return () => true;
  const pattern = RE2JS.compile(expression);
  return (version) => version !== "" && pattern.matcher(version).find();
}

/** The type URL of every Any, of every TypedStruct, and those a filter may be discovered as. */
function typesIn(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(typesIn);
  if (typeof value !== "object" || value === null) return [];
  const own = Object.entries(value).flatMap(([key, field]) => {
    if (key === "type_urls" || key === "typeUrls") return Array.isArray(field) ? field : [];
    return key === "@type" || key === "type_url" || key === "typeUrl" ? [field] : typesIn(field);
  });
  return own.filter((url) => typeof url === "string").map((url) => url.slice(url.lastIndexOf("/") + 1));
}

/** Other messages in an Any are values, such as `google.protobuf.StringValue` or a route's `FilterConfig`. */
function isExtension(type: string): boolean {
  return type.startsWith("envoy.extensions.") || !/^(envoy|google|udpa|xds)\./.test(type);
}
