import { compileEndpoints, compileProxy, endpointQueries, scopeKey, scopeOf } from "@lateen/compiler";
import type { MeshSnapshot, ProxyScope } from "@lateen/compiler";
import type * as ir from "@lateen/ir";
import type { Finding, ProxyNode } from "@lateen/model";
import { createBuilder, verifyReferences } from "@lateen/xds-build";
import type { DanglingReference } from "@lateen/xds-build";
import { clusterType, endpointType, listenerType, routeType } from "@lateen/xds-server";
import type { Resource, ResourceMap, ResourceSet } from "@lateen/xds-server";
import { encodeResource } from "./encode.ts";
import { Turns } from "./turns.ts";

/** What a scope's configuration compiles to; valid as long as the snapshot's `compileInputs` are the same object. */
interface Compilation {
  readonly inputs: object;
  readonly queries: readonly ir.EndpointQuery[];
  readonly static: ReadonlyMap<string, ResourceMap>;
  readonly findings: readonly Finding[];
  readonly dangling: readonly DanglingReference[];
}

interface Entry {
  readonly scope: ProxyScope;
  compilation: Compilation | undefined;
  snapshot: MeshSnapshot | undefined;
  result: ScopeResources | undefined;
  endpoints: ResourceMap;
}

export interface ScopeResources {
  readonly set: ResourceSet;
  readonly findings: readonly Finding[];
  /** Not empty: the set must not replace one that a proxy has already. */
  readonly dangling: readonly DanglingReference[];
}

export interface LibraryOptions {
  /** Told of each compilation. */
  readonly onCompiled?: (seconds: number, revision: bigint) => void;
  /** Resources remembered by content. */
  readonly capacity?: number;
}

/**
 * The resources of every scope, made when the first proxy of a scope asks and shared by all of it. Compiles only
 * when what compilation sees has changed; endpoints take their own, cheap way.
 */
export class ResourceLibrary {
  readonly #options: LibraryOptions;
  readonly #builder;
  readonly #entries = new Map<string, Entry>();
  readonly #endpointResources = new WeakMap<ir.EndpointSet, Resource>();
  readonly #turns = new Turns();

  constructor(options: LibraryOptions = {}) {
    this.#options = options;
    this.#builder = createBuilder({ capacity: options.capacity ?? 100_000 });
  }

  get size(): number { return this.#entries.size; }

  findings(): readonly Finding[] {
    return [...this.#entries.values()].flatMap(({ compilation }) => compilation?.findings ?? []);
  }

  /** Throws when resources cannot be built, which is a mistake of ours; the scope keeps its last result. */
  async resources(snapshot: MeshSnapshot, node: ProxyNode): Promise<ScopeResources> {
    return await this.#turns.take(() => this.#update(this.#entry(snapshot, node), snapshot));
  }

  /**
   * The endpoints lane ahead of compilation: the last result of the node's scope with the endpoints of `snapshot`, under
   * the last revision. Undefined where there is nothing to gain. Clusters that would be left without endpoints keep
   * theirs until the compilation says what takes their place.
   */
  endpointsAhead(snapshot: MeshSnapshot, node: ProxyNode): ResourceSet | undefined {
    const entry = this.#entry(snapshot, node);
    const { compilation, result } = entry;
    if (compilation === undefined || result === undefined || compilation.inputs === snapshot.compileInputs) return undefined;
    const endpoints = this.#endpoints(entry, compilation, snapshot, { keepLast: true });
    if (endpoints === entry.endpoints) return undefined;
    entry.endpoints = endpoints;
    const set = { revision: result.set.revision, byType: new Map([...compilation.static, [endpointType, endpoints]]) };
    entry.result = { ...result, set };
    return set;
  }

  /** Forgets the scopes that none of `nodes` is in. */
  retain(snapshot: MeshSnapshot, nodes: Iterable<ProxyNode>): void {
    const used = new Set([...nodes].map((node) => scopeKey(scopeOf(snapshot, node))));
    for (const key of this.#entries.keys()) if (!used.has(key)) this.#entries.delete(key);
  }

  #entry(snapshot: MeshSnapshot, node: ProxyNode): Entry {
    const scope = scopeOf(snapshot, node);
    const key = scopeKey(scope);
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = { scope, compilation: undefined, snapshot: undefined, result: undefined, endpoints: new Map() };
      this.#entries.set(key, entry);
    }
    return entry;
  }

  #update(entry: Entry, snapshot: MeshSnapshot): ScopeResources {
    if (entry.snapshot === snapshot && entry.result !== undefined) return entry.result;
    const compilation = entry.compilation?.inputs === snapshot.compileInputs ? entry.compilation : this.#compile(entry, snapshot);
    const endpoints = this.#endpoints(entry, compilation, snapshot, { keepLast: false });
    const unchanged = entry.result !== undefined && compilation.static === entry.compilation?.static && endpoints === entry.endpoints;
    const byType = unchanged && entry.result !== undefined ? entry.result.set.byType : new Map([...compilation.static, [endpointType, endpoints]]);
    const { findings, dangling } = compilation;
    const result = { set: { revision: snapshot.revision, byType }, findings, dangling };
    Object.assign(entry, { compilation, snapshot, endpoints, result });
    return result;
  }

  #compile(entry: Entry, snapshot: MeshSnapshot): Compilation {
    const startedAt = performance.now();
    const { value, findings } = compileProxy(snapshot, entry.scope);
    const before = entry.compilation?.static;
    const made: Record<string, Map<string, Resource>> = { [clusterType]: new Map(), [listenerType]: new Map(), [routeType]: new Map() };
    for (const built of this.#builder.build(value)) made[built.typeUrl]?.set(built.name, encodeResource(built));
    const resources = Object.entries(made).map(([typeUrl, map]) => [typeUrl, sameOr(before?.get(typeUrl), map)] as const);
    const unchanged = before !== undefined && resources.every(([typeUrl, map]) => before.get(typeUrl) === map);
    this.#options.onCompiled?.((performance.now() - startedAt) / 1_000, snapshot.revision);
    return {
      inputs: snapshot.compileInputs, queries: endpointQueries(value), findings, dangling: verifyReferences(value),
      static: unchanged ? before : new Map(resources),
    };
  }

  #endpoints(entry: Entry, { queries }: Compilation, snapshot: MeshSnapshot, { keepLast }: { keepLast: boolean }): ResourceMap {
    const endpoints = new Map<string, Resource>();
    for (const query of queries) {
      const set = compileEndpoints(snapshot, entry.scope, query);
      const resource = this.#endpointResource(set);
      const last = entry.endpoints.get(resource.name);
      endpoints.set(resource.name, keepLast && set.localities.length === 0 && last !== undefined ? last : resource);
    }
    return sameOr(entry.endpoints, endpoints);
  }

  #endpointResource(set: ir.EndpointSet): Resource {
    let resource = this.#endpointResources.get(set);
    if (resource === undefined) this.#endpointResources.set(set, (resource = encodeResource(this.#builder.buildEndpoints(set))));
    return resource;
  }
}

/** `before` where it holds the same: the same map is what tells everyone downstream that there is nothing to do. */
function sameOr(before: ResourceMap | undefined, after: ResourceMap): ResourceMap {
  if (before === undefined || before.size !== after.size) return after;
  for (const [name, { version }] of after) if (before.get(name)?.version !== version) return after;
  return before;
}
