import type { JsonValue } from "@bufbuild/protobuf";
import { compileProxy, scopeOf } from "@lateen/compiler";
import type { MeshSnapshot } from "@lateen/compiler";
import { shortTypeName } from "@lateen/xds-server";
import type { ProxyStatus } from "@lateen/xds-server";
import { nodeOf } from "../proxies/connected-node.ts";
import { shortName } from "./context.ts";
import { anyJson, plainJson, resourceJson } from "./json.ts";
import type { Offered } from "./envoy-dump.ts";

/** As Envoy's admin port would show it, were everything acknowledged. Never a key: secrets are left out. */
export async function configDump(offered: Offered, options: { readonly endpoints: boolean }): Promise<JsonValue> {
  const { envoyDump } = await import("./envoy-dump.ts");
  return { configs: envoyDump(offered, options).map((section) => anyJson(section)) };
}

/** The resources of one type by themselves. */
export async function resourcesOf(offered: Offered, typeUrl: string): Promise<JsonValue[]> {
  return [...(offered.get(typeUrl)?.values() ?? [])].map(({ any }) => resourceJson(any));
}

/** Everything a proxy was offered, with versions and the objects each resource was made from. */
export async function originz({ proxy }: ProxyStatus, offered: Offered): Promise<unknown> {
  const resources: Record<string, JsonValue[]> = {};
  for (const [typeUrl, map] of offered) {
    if (shortTypeName(typeUrl) === "SDS") continue;
    resources[shortTypeName(typeUrl)] = [...map.values()].map(({ name, version, origin, any }) => ({
      name,
      version,
      ...(origin === undefined ? {} : { origin: origin.split(",") }),
      resource: resourceJson(any),
    }));
  }
  return { proxy: proxy.id, resources };
}

/** What the compiler decides for a proxy, in mesh words. */
export function intermediate(snapshot: MeshSnapshot, { proxy }: ProxyStatus): unknown {
  const { value, findings } = compileProxy(snapshot, scopeOf(snapshot, nodeOf(proxy)));
  return plainJson({ proxy: proxy.id, revision: snapshot.revision, ir: value, findings });
}

/** Everything about a proxy that decides what it gets. */
export function sidecarz(snapshot: MeshSnapshot, { proxy }: ProxyStatus): unknown {
  return plainJson(scopeOf(snapshot, nodeOf(proxy)));
}

export function connections(proxies: readonly ProxyStatus[]): object {
  return { totalClients: proxies.length, clients: proxies.map(connection) };
}

export function adsz(proxies: readonly ProxyStatus[]): object {
  const clients = proxies.map((status) => ({
    ...connection(status),
    labels: nodeOf(status.proxy).labels,
    metadata: (status.proxy.node.metadata ?? {}) as object,
    watches: Object.fromEntries(
      status.types.map(({ typeUrl, names, wildcard }) => [typeUrl, [...(wildcard ? ["*"] : []), ...names]]),
    ),
  }));
  return { totalClients: clients.length, clients };
}

function connection({ proxy }: ProxyStatus): object {
  return {
    connectionId: `${shortName(proxy.id)}-${proxy.connectionId}`,
    connectedAt: new Date(proxy.connectedAtMs).toISOString(),
    address: proxy.peerAddress,
  };
}
