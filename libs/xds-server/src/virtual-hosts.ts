import { memo } from "./memo.ts";
import type { ConnectedProxy } from "./proxy.ts";
import { emptyResources } from "./resource.ts";
import type { Resource, ResourceMap } from "./resource.ts";

/** A route table that says only where its hosts come from, and these one by one, as `<table>/<virtual host>`. */
export interface SplitTable {
  /** Its version ends with `splitMark`, which no whole table's does. */
  readonly table: Resource;
  readonly hosts: ResourceMap;
}

/** How route tables come apart, for proxies that take them so. Knows what the server must not: the bytes. */
export interface VirtualHostSource {
  /** Undefined for a table that can only be sent whole. The same object for the same table. */
  split(table: Resource): SplitTable | undefined;
  /**
   * Takes the place of a host that is gone. Envoy looks for a removed resource's name among names of virtual hosts,
   * where it is not found, and says yes all the same. docs/adr/0010-virtual-hosts-travel-alone.md
   */
  gone(name: string): Resource;
  /** A table is split for a proxy that first asks for it when it has at least so many hosts. */
  readonly minimumHosts: number;
  supports(proxy: ConnectedProxy): boolean;
}

export const splitMark = "+vhds";
/** The version of every `gone` resource. */
export const goneVersion = "gone";

/** The table that a host belongs to, by the host's name. */
export function tableOf(hostName: string): string {
  return hostName.slice(0, hostName.lastIndexOf("/"));
}

/** Envoys before 1.37 take no virtual hosts over ADS and say so. */
export function splitIsRefused(message: string): boolean {
  return message.includes("vhds: only");
}

/** What one session sends of a set's route tables. */
export interface Forms {
  readonly tables: ResourceMap;
  readonly hosts: ResourceMap;
}

/** Forms are shared by all sessions that chose alike. */
export class FormsCache {
  readonly #forms = new WeakMap<ResourceMap, Map<string, Forms>>();
  readonly #source: VirtualHostSource;

  constructor(source: VirtualHostSource) {
    this.#source = source;
  }

  get source(): VirtualHostSource {
    return this.#source;
  }

  forms(tables: ResourceMap, split: readonly string[]): Forms {
    const ofTables = memo(this.#forms, tables, () => new Map<string, Forms>());
    return memo(ofTables, split.join("\n"), () => this.#make(tables, split));
  }

  #make(tables: ResourceMap, split: readonly string[]): Forms {
    const [forms, hosts] = [new Map(tables), new Map<string, Resource>()];
    for (const name of split) {
      const parts = this.#splitOf(tables, name);
      if (parts === undefined) continue;
      forms.set(name, parts.table);
      for (const [hostName, host] of parts.hosts) hosts.set(hostName, host);
    }
    return { tables: forms, hosts: hosts.size === 0 ? emptyResources : hosts };
  }

  #splitOf(tables: ResourceMap, name: string): SplitTable | undefined {
    const table = tables.get(name);
    return table && this.#source.split(table);
  }
}

/**
 * Which tables one proxy takes in parts. Decided when the proxy first asks for a table and never again: Envoy has no
 * routes between the two forms of a table that is in use. A proxy that reconnects tells by the version what it has.
 */
export class TableChoice {
  readonly #cache: FormsCache;
  readonly #split = new Map<string, boolean>();
  #splitNames: readonly string[] = [];

  constructor(cache: FormsCache) {
    this.#cache = cache;
  }

  /** What the proxy said it has. */
  adopt(versions: ReadonlyMap<string, string>): void {
    for (const [name, version] of versions) this.#set(name, version.endsWith(splitMark));
  }

  decide(names: Iterable<string>, tables: ResourceMap): void {
    const { source } = this.#cache;
    for (const name of names) {
      const table = this.#split.has(name) ? undefined : tables.get(name);
      if (table !== undefined) this.#set(name, (source.split(table)?.hosts.size ?? -1) >= source.minimumHosts);
    }
  }

  forms(tables: ResourceMap): Forms {
    return this.#cache.forms(tables, this.#splitNames);
  }

  #set(name: string, split: boolean): void {
    if (this.#split.get(name) === split) return;
    this.#split.set(name, split);
    this.#splitNames = [...this.#split].flatMap(([table, isSplit]) => (isSplit ? [table] : [])).sort();
  }
}
