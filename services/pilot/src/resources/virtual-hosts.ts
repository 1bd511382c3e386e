import { createHash } from "node:crypto";
import { goneVirtualHost, splitRouteTable, typeUrls } from "@lateen/xds-build";
import { goneVersion, splitMark } from "@lateen/xds-server";
import type { ConnectedProxy, Resource, SplitTable, VirtualHostSource } from "@lateen/xds-server";
import { memo } from "../memo.ts";
import { packed, unpacked } from "./encode.ts";

/** From here on Envoy takes virtual hosts over ADS; 1.37 does in its releases, but not in all of its development. */
const firstEnvoy = { major: 1, minor: 38 };

/** Route tables host by host. A host whose bytes are those of before is the same object as before. */
export class VirtualHosts implements VirtualHostSource {
  readonly minimumHosts: number;
  readonly #tables = new WeakMap<Resource, { readonly split: SplitTable | undefined }>();
  /** By table name: what the next one of that name will mostly be made of. */
  readonly #last = new Map<string, WeakRef<SplitTable>>();

  constructor(options: { readonly minimumHosts: number }) {
    this.minimumHosts = options.minimumHosts;
  }

  supports({ node }: ConnectedProxy): boolean {
    if (node.userAgentName !== "envoy" || node.userAgentVersionType.case !== "userAgentBuildVersion") return false;
    const { majorNumber = 0, minorNumber = 0 } = node.userAgentVersionType.value.version ?? {};
    return majorNumber > firstEnvoy.major || (majorNumber === firstEnvoy.major && minorNumber >= firstEnvoy.minor);
  }

  split(table: Resource): SplitTable | undefined {
    return memo(this.#tables, table, () => ({ split: this.#make(table) })).split;
  }

  gone(name: string): Resource {
    const unique = createHash("sha256").update(name).digest("hex").slice(0, 16);
    const host = goneVirtualHost(name.slice(name.lastIndexOf("/") + 1), unique);
    return { ...packed(typeUrls.virtualHost, name, host), version: goneVersion };
  }

  #make(table: Resource): SplitTable | undefined {
    const parts = splitRouteTable(unpacked(table));
    if (parts === undefined) return undefined;
    const before = this.#last.get(table.name)?.deref()?.hosts;
    const hosts = new Map<string, Resource>();
    for (const [name, value] of parts.hosts) {
      const fullName = `${table.name}/${name}`;
      const origin = table.partOrigins?.get(name);
      const known = before?.get(fullName);
      const same = known !== undefined && known.origin === origin && Buffer.compare(unpacked(known), value) === 0;
      const made = same ? known : packed(typeUrls.virtualHost, fullName, value);
      hosts.set(fullName, same || origin === undefined ? made : { ...made, origin });
    }
    const head = packed(typeUrls.routes, table.name, parts.head);
    const origin = table.origin === undefined ? {} : { origin: table.origin };
    const split = { table: { ...head, version: `${head.version}${splitMark}`, ...origin }, hosts };
    this.#last.set(table.name, new WeakRef(split));
    return split;
  }
}
