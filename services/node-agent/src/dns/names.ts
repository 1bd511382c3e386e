import { isIP } from "node:net";
import type { NameTable } from "@lateen/protos/istio/networking/nds/v1/name_table_pb.js";

/** What a known name answers with. */
export interface Answer {
  readonly v4: readonly string[];
  readonly v6: readonly string[];
  /** The name it really goes by, where a search domain was put after it. */
  readonly canonical?: string;
}

/** Where the proxy and its application are, as far as short names depend on it. */
export interface Surroundings {
  readonly namespace: string;
  /** `ns.svc.cluster.local`. */
  readonly dnsDomain: string;
  /** The application's own search domains, as resolv.conf has them. */
  readonly search: readonly string[];
}

/** Names of the mesh, looked up without a dot at the end and in lower case. Immutable. */
export class Names {
  readonly #exact = new Map<string, Answer>();
  /** By what follows the star. */
  readonly #wildcards = new Map<string, Answer>();
  readonly #search: readonly string[];

  constructor(table: NameTable, surroundings: Surroundings) {
    this.#search = surroundings.search.map(normalized).filter((domain) => domain !== "");
    const hosts = Object.entries(table.table);
    // Full names first: none of them may be taken by another one's short form.
    for (const [host, { ips }] of hosts) this.#add(normalized(host), ips);
    for (const [host, { ips, registry, shortname, namespace }] of hosts) {
      if (registry !== "Kubernetes") continue;
      for (const name of shortForms({ host: normalized(host), shortname, namespace }, surroundings))
        if (!this.#exact.has(name)) this.#add(name, ips);
    }
  }

  get size(): number {
    return this.#exact.size + this.#wildcards.size;
  }

  /** Undefined for a name that is not the mesh's. */
  find(name: string): Answer | undefined {
    const own = this.#lookUp(name);
    if (own !== undefined) return own;
    for (const domain of this.#search) {
      if (!name.endsWith(`.${domain}`)) continue;
      const canonical = name.slice(0, -domain.length - 1);
      const answer = this.#lookUp(canonical);
      if (answer !== undefined) return { ...answer, canonical };
    }
    return undefined;
  }

  #lookUp(name: string): Answer | undefined {
    const exact = this.#exact.get(name);
    if (exact !== undefined || this.#wildcards.size === 0) return exact;
    for (let dot = name.indexOf("."); dot >= 0; dot = name.indexOf(".", dot + 1)) {
      const wildcard = this.#wildcards.get(name.slice(dot));
      if (wildcard !== undefined) return wildcard;
    }
    return undefined;
  }

  #add(name: string, ips: readonly string[]): void {
    const answer = { v4: ips.filter((ip) => isIP(ip) === 4), v6: ips.filter((ip) => isIP(ip) === 6) };
    if (answer.v4.length + answer.v6.length === 0) return;
    if (name.startsWith("*.")) this.#wildcards.set(name.slice(1), answer);
    else this.#exact.set(name, answer);
  }
}

/** For `a.ns.svc.dom` from `ns.svc.dom`: `a`, `a.ns`, `a.ns.svc`; from another namespace without the first. */
function shortForms(
  { host, shortname, namespace }: { readonly host: string; readonly shortname: string; readonly namespace: string },
  surroundings: Surroundings,
): readonly string[] {
  const [, ...zone] = surroundings.dnsDomain.split(".");
  if (shortname === "" || namespace === "" || !host.endsWith(`.${zone.join(".")}`)) return [];
  const base = `${shortname}.${namespace}`.toLowerCase();
  const below = zone.slice(0, -1).map((_, index) => `${base}.${zone.slice(0, index + 1).join(".")}`);
  return [...(namespace === surroundings.namespace ? [shortname.toLowerCase()] : []), base, ...below];
}

export function normalized(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}
