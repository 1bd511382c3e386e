import { fromBinary } from "@bufbuild/protobuf";
import { DeltaDiscoveryResponseSchema } from "@lateen/protos/envoy/service/discovery/v3/discovery_pb.js";
import { joinedMessage } from "@lateen/rpc";
import type { Resource } from "../resource.ts";
import { ProxySession } from "../session.ts";
import type { Push, SessionContext } from "../session.ts";
import { routeType, virtualHostType } from "../type-urls.ts";
import { goneVersion, splitMark } from "../virtual-hosts.ts";
import type { VirtualHostSource } from "../virtual-hosts.ts";
import { deltaRequest } from "./requests.ts";
import { resource } from "./resources.ts";

/** Tables whose version lists their hosts and the hosts' versions: `a1 b2`. */
export const listedHosts = (minimumHosts: number): VirtualHostSource => ({
  minimumHosts,
  supports: () => true,
  split: (table: Resource) => ({
    table: resource(routeType, table.name, `head${splitMark}`),
    hosts: new Map(
      hostsOf(table.version).map(([host, version]) => {
        const name = `${table.name}/${host}`;
        return [name, resource(virtualHostType, name, version)];
      }),
    ),
  }),
  gone: (name) => resource(virtualHostType, name, goneVersion),
});

export function hostsOf(version: string): [string, string][] {
  return version
    .split(" ")
    .filter((host) => host !== "")
    .map((host) => [host.slice(0, 1), host.slice(1)]);
}

/**
 * Does with route tables and virtual hosts what Envoy does: one wildcard subscription for the hosts of all tables,
 * opened by the first table that wants it; hosts of a table that is not there are lost, though remembered as received;
 * a table that is let go loses its hosts; names of removed hosts mean nothing to it.
 */
export class SplitProxy {
  /** By table: its version when it is whole, its hosts when they come one by one. */
  readonly tables = new Map<string, { readonly version: string; readonly hosts: Map<string, string> }>();
  readonly inbox: Push[] = [];
  readonly #context: SessionContext;
  readonly #asked = new Set<string>();
  readonly #received = new Map<string, string>();
  #subscribed = false;
  #streams = 0;
  session: ProxySession;

  constructor(context: SessionContext) {
    this.#context = context;
    this.session = this.reconnect();
  }

  reconnect(): ProxySession {
    this.inbox.length = 0;
    const noncePrefix = `${++this.#streams}-`;
    this.session = new ProxySession(this.#context, { delta: true, noncePrefix, splitTables: true });
    this.#subscribed = false;
    const initialVersions = new Map([...this.tables].map(([name, { version }]) => [name, version]));
    const subscribe = [...this.#asked];
    if (subscribe.length > 0) this.session.receiveDelta(deltaRequest(routeType, { subscribe, initialVersions }));
    if ([...this.tables.values()].some(({ version }) => version.endsWith(splitMark))) this.#subscribe();
    return this.session;
  }

  ask(name: string): void {
    if (this.#asked.has(name)) return;
    this.#asked.add(name);
    this.session.receiveDelta(deltaRequest(routeType, { subscribe: [name] }));
  }

  letGo(name: string): void {
    if (!this.#asked.delete(name)) return;
    this.tables.delete(name);
    this.session.receiveDelta(deltaRequest(routeType, { unsubscribe: [name] }));
  }

  read(): boolean {
    const push = this.inbox.shift();
    if (push === undefined) return false;
    const { typeUrl, nonce, resources } = fromBinary(DeltaDiscoveryResponseSchema, joinedMessage(push.bytes));
    for (const { name, version } of resources) {
      if (typeUrl === routeType) this.#takeTable(name, version);
      else this.#takeHost(name, version);
    }
    this.session.receiveDelta(deltaRequest(typeUrl, { nonce }));
    return true;
  }

  #takeTable(name: string, version: string): void {
    if (!this.#asked.has(name)) return;
    this.tables.set(name, { version, hosts: this.tables.get(name)?.hosts ?? new Map() });
    if (version.endsWith(splitMark)) this.#subscribe();
  }

  #takeHost(fullName: string, version: string): void {
    this.#received.set(fullName, version);
    const [table = "", host = ""] = fullName.split("/");
    if (version === goneVersion) this.tables.get(table)?.hosts.delete(host);
    else this.tables.get(table)?.hosts.set(host, version);
  }

  #subscribe(): void {
    if (this.#subscribed) return;
    this.#subscribed = true;
    this.session.receiveDelta(deltaRequest(virtualHostType, { initialVersions: new Map(this.#received) }));
  }
}
