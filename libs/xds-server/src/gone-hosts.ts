import type { Plan } from "./plan.ts";
import type { Resource } from "./resource.ts";
import { goneVersion, tableOf } from "./virtual-hosts.ts";
import type { VirtualHostSource } from "./virtual-hosts.ts";
import type { DeltaRequest } from "./wire/request.ts";

/** Virtual hosts that a proxy has without having been meant to: what took the place of those that are gone. */
export class GoneHosts {
  readonly #source: VirtualHostSource | undefined;
  readonly #hosts = new Map<string, Resource>();

  constructor(source: VirtualHostSource | undefined) {
    this.#source = source;
  }

  values(): Iterable<Resource> {
    return this.#hosts.values();
  }

  /** What is to be sent for `plan`: stand-ins instead of removals. */
  inPlaceOfRemoved({ changed, removed }: Plan): Pick<Plan, "changed" | "removed"> {
    const source = this.#source;
    for (const { name } of changed) this.#hosts.delete(name);
    if (removed.length === 0 || source === undefined) return { changed, removed };
    const gone = removed.map((name) => source.gone(name));
    for (const host of gone) this.#hosts.set(host.name, host);
    return { changed: [...changed, ...gone], removed: [] };
  }

  /** A host that is gone is there for Envoy only: of what a proxy brings it does not count. */
  takenOut(request: DeltaRequest): DeltaRequest {
    const initialVersions = new Map<string, string>();
    for (const [name, version] of request.initialVersions) {
      if (version !== goneVersion) initialVersions.set(name, version);
      else if (this.#source !== undefined) this.#hosts.set(name, this.#source.gone(name));
    }
    return { ...request, initialVersions };
  }

  /** The proxy forgot these tables, and their hosts with them. */
  forgetOf(tables: ReadonlySet<string>): void {
    for (const name of this.#hosts.keys()) if (tables.has(tableOf(name))) this.#hosts.delete(name);
  }
}
