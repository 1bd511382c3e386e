import { compileInputs, compileParts, sameEndpoints, scopeKey, scopeOf } from "@lateen/compiler";
import type { MeshSnapshot, ProxyScope } from "@lateen/compiler";
import type { Finding, ProxyNode } from "@lateen/model";
import { verifyReferences } from "@lateen/xds-build";
import { endpointType, layered } from "@lateen/xds-server";
import type { ResourceMap, ResourceSet } from "@lateen/xds-server";
import { memo } from "../memo.ts";
import { hasAny, ResourceParts, sameOr, together } from "./parts.ts";
import type { ResourcePart } from "./parts.ts";

/** What a scope's configuration compiles to; holds as long as the scope's `compileInputs` are the same object. */
interface Compilation {
  readonly parts: readonly ResourcePart[];
  /** Everything but endpoints, by type. */
  readonly fixed: ReadonlyMap<string, ResourceMap>;
  readonly findings: readonly Finding[];
}

interface Entry {
  readonly scope: ProxyScope;
  /** What was compiled last, with the reasons why it must not replace what serves. */
  attempt:
    | { readonly inputs: object; readonly compilation: Compilation | undefined; readonly faults: readonly string[] }
    | undefined;
  /** What serves, and the newest revision that it is true for. */
  serving: { readonly compilation: Compilation; readonly set: ServedSet } | undefined;
  snapshot: MeshSnapshot | undefined;
}

/** Its revision goes on with the mesh as long as the resources are the same. */
interface ServedSet extends ResourceSet {
  revision: bigint;
}

export interface ScopeResources {
  readonly set: ResourceSet;
  /** Why the newest configuration is not (all) in `set`, whose revision then stays behind; empty when all is well. */
  readonly faults: readonly string[];
  /** `set` is the last good one, with the endpoints of now; false: there was none, and the set has the faults. */
  readonly good: boolean;
}

export interface LibraryOptions {
  /** Told of each compilation. */
  readonly onCompiled?: (
    scope: ProxyScope,
    report: { readonly seconds: number; readonly revision: bigint; readonly faults: readonly string[] },
  ) => void;
  /** Resources remembered by content. */
  readonly capacity?: number;
  /** Names that are used and not defined; tests put in their own. */
  readonly verify?: typeof verifyReferences;
}

/**
 * The resources of every scope, made when the first proxy of a scope asks and shared by all of it. Compiles only
 * when what compilation sees has changed; endpoints take their own, cheap way. What refers to a name that it does
 * not define, or cannot be built, never replaces what is good.
 */
export class ResourceLibrary {
  readonly #options: LibraryOptions;
  readonly #parts: ResourceParts;
  readonly #entries = new Map<string, Entry>();

  constructor(options: LibraryOptions = {}) {
    this.#options = options;
    this.#parts = new ResourceParts(options.capacity ?? 100_000);
  }

  get size(): number {
    return this.#entries.size;
  }

  findings(): readonly Finding[] {
    return [...this.#entries.values()].flatMap(({ attempt }) => attempt?.compilation?.findings ?? []);
  }

  /** The key of the scope that `node` has in the mesh of `snapshot`; what is asked about a scope is asked by it. */
  enter(snapshot: MeshSnapshot, node: ProxyNode): string {
    const scope = scopeOf(snapshot, node);
    const key = scopeKey(scope);
    memo(this.#entries, key, () => ({ scope, attempt: undefined, serving: undefined, snapshot: undefined }));
    return key;
  }

  /** Throws only where resources cannot be built and the scope has no good ones. */
  resources(key: string, snapshot: MeshSnapshot): ScopeResources {
    return this.#update(this.#entry(key), snapshot);
  }

  /**
   * The endpoints lane ahead of compilation: what serves the scope, with the endpoints of `snapshot`, under the
   * revision of what serves. Undefined where nothing has to be compiled or nothing serves yet. Clusters that would be
   * left without endpoints keep theirs until the compilation says what takes their place.
   */
  endpointsAhead(key: string, snapshot: MeshSnapshot): ResourceSet | undefined {
    const entry = this.#entry(key);
    const { serving, attempt } = entry;
    if (serving === undefined || (entry.snapshot !== undefined && sameEndpoints(entry.snapshot, snapshot)))
      return undefined;
    if (attempt?.inputs === compileInputs(snapshot, entry.scope)) return undefined;
    this.#serve(entry, serving.compilation, { snapshot, revision: serving.set.revision, keepLast: true });
    return entry.serving?.set;
  }

  /**
   * Makes what a proxy like `node` would be given, and holds it for a while: of what the first proxy of a namespace needs,
   * almost all is there when it comes soon.
   */
  prepare(snapshot: MeshSnapshot, node: ProxyNode): void {
    const scope = scopeOf(snapshot, node);
    const { value } = compileParts(snapshot, scope);
    const parts: ResourcePart[] = [];
    for (const part of value) {
      const made = this.#parts.of(part, { parts: value, has: hasAny(parts), ahead: true });
      this.#parts.endpointsOf(made, { snapshot, scope, keepLast: false });
      parts.push(made);
    }
    (this.#options.verify ?? verifyReferences)(...value);
  }

  /** Forgets all scopes but those of `keys`. */
  retain(keys: Iterable<string>): void {
    const used = new Set(keys);
    for (const key of this.#entries.keys()) if (!used.has(key)) this.#entries.delete(key);
  }

  #entry(key: string): Entry {
    const entry = this.#entries.get(key);
    if (entry === undefined) throw new Error("the scope was not entered, or has been forgotten");
    return entry;
  }

  #update(entry: Entry, snapshot: MeshSnapshot): ScopeResources {
    if (entry.attempt?.inputs !== compileInputs(snapshot, entry.scope)) this.#compile(entry, snapshot);
    const { compilation, faults = [] } = entry.attempt ?? {};
    const usable = faults.length === 0 ? compilation : undefined;
    if (entry.snapshot !== snapshot && usable !== undefined) {
      this.#serve(entry, usable, { snapshot, revision: snapshot.revision, keepLast: false });
    } else if (entry.snapshot !== snapshot && entry.serving !== undefined) {
      this.#serve(entry, entry.serving.compilation, {
        snapshot,
        revision: entry.serving.set.revision,
        keepLast: false,
      });
    }
    entry.snapshot = snapshot;
    if (entry.serving !== undefined) return { set: entry.serving.set, faults, good: true };
    if (compilation === undefined) throw new Error(faults.join("; "));
    return {
      set: {
        revision: snapshot.revision,
        byType: this.#withEndpoints(compilation, this.#endpoints(entry, compilation, { snapshot, keepLast: false })),
      },
      faults,
      good: false,
    };
  }

  #compile(entry: Entry, snapshot: MeshSnapshot): void {
    const startedAt = performance.now();
    const inputs = compileInputs(snapshot, entry.scope);
    try {
      const { value, findings } = compileParts(snapshot, entry.scope);
      const parts: ResourcePart[] = [];
      for (const part of value) parts.push(this.#parts.of(part, { parts: value, has: hasAny(parts) }));
      const fixed = together(parts, entry.serving?.compilation.fixed);
      const faults = (this.#options.verify ?? verifyReferences)(...value).map(
        ({ kind, name, usedBy }) => `${usedBy} uses ${kind} ${name}, which is not defined`,
      );
      const unapplied = parts.flatMap((part) => part.findings);
      entry.attempt = { inputs, faults, compilation: { parts, findings: [...findings, ...unapplied], fixed } };
    } catch (error) {
      entry.attempt = {
        inputs,
        compilation: undefined,
        faults: [`cannot be built: ${error instanceof Error ? error.stack : String(error)}`],
      };
    }
    const seconds = (performance.now() - startedAt) / 1_000;
    this.#options.onCompiled?.(entry.scope, { seconds, revision: snapshot.revision, faults: entry.attempt.faults });
  }

  #serve(
    entry: Entry,
    compilation: Compilation,
    options: { snapshot: MeshSnapshot; revision: bigint; keepLast: boolean },
  ): void {
    const last = entry.serving;
    const endpoints = this.#endpoints(entry, compilation, options);
    const unchanged =
      last !== undefined &&
      last.compilation.fixed === compilation.fixed &&
      last.set.byType.get(endpointType) === endpoints;
    if (unchanged) {
      last.set.revision = options.revision;
      entry.serving = { compilation, set: last.set };
    } else {
      const byType = this.#withEndpoints(compilation, endpoints);
      entry.serving = { compilation, set: { revision: options.revision, byType } };
    }
  }

  #withEndpoints({ fixed }: Compilation, endpoints: ResourceMap): ReadonlyMap<string, ResourceMap> {
    return new Map([...fixed, [endpointType, endpoints]]);
  }

  #endpoints(
    entry: Entry,
    { parts }: Compilation,
    { snapshot, keepLast }: { snapshot: MeshSnapshot; keepLast: boolean },
  ): ResourceMap {
    const last = entry.serving?.set.byType.get(endpointType);
    const maps = parts.map((part) => this.#parts.endpointsOf(part, { snapshot, scope: entry.scope, keepLast }));
    return sameOr(last, layered(maps));
  }
}
