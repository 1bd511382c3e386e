import type { JsonValue, Message } from "@bufbuild/protobuf";
import { kindOf } from "@lateen/api";
import type { MeshSnapshot } from "@lateen/compiler";
import { shortTypeName } from "@lateen/xds-server";
import type { ProxyStatus, ResourceSet } from "@lateen/xds-server";
import { versionOf } from "../proxies/connected-node.ts";
import { messageJson, plainJson, resourceJson } from "./json.ts";

/** Each proxy's state a type; what `lateen proxy-status` reads. */
export function syncz(proxies: readonly ProxyStatus[]): unknown {
  return proxies.map(({ proxy, types, acknowledgedRevision }) => ({
    proxy: proxy.id,
    version: versionOf(proxy),
    cluster_id: textOf(proxy.node.metadata?.["CLUSTER_ID"]),
    acked_revision: Number(acknowledgedRevision ?? 0n),
    types: types.map((type) => ({
      type_url: type.typeUrl,
      name: shortTypeName(type.typeUrl),
      sent_nonce: type.sentNonce,
      acked_nonce: type.acknowledgedNonce,
      status: type.state,
      acked_revision: Number(type.acknowledgedRevision),
      ...(type.error === undefined ? {} : { error: type.error }),
    })),
    protocol: proxy.delta ? "delta" : "sotw",
    peer: proxy.peerAddress,
    connected_at: new Date(proxy.connectedAtMs).toISOString(),
  }));
}

/** Everything a proxy was last offered, but secrets. */
export function configDump(proxyId: string, set: ResourceSet): unknown {
  const resources: Record<string, JsonValue[]> = {};
  for (const [typeUrl, map] of set.byType) {
    resources[shortTypeName(typeUrl)] = [...map.values()].map(({ name, version, origin, any }) => ({
      name,
      version,
      ...(origin === undefined ? {} : { origin: origin.split(",") }),
      resource: resourceJson(any),
    }));
  }
  return { proxy: proxyId, revision: Number(set.revision), resources };
}

/** Addresses by service. */
export function endpointz({ state }: MeshSnapshot): unknown {
  return plainJson([...state.slices].sort((a, b) => (a.serviceHost < b.serviceHost ? -1 : 1)));
}

/** Accepted configuration. */
export function configz({ state }: MeshSnapshot): unknown {
  return state.configs.map(({ apiVersion, kind, meta, spec, origin }) => {
    const schema = kindOf(apiVersion, kind)?.schema;
    return {
      apiVersion,
      kind,
      metadata: meta,
      ...(origin.file === undefined ? {} : { file: origin.file, line: origin.line }),
      spec: schema === undefined ? null : messageJson(schema, spec as Message),
    };
  });
}

/** Services of the platform registries. */
export function registryz({ state }: MeshSnapshot): unknown {
  return plainJson([...state.services].sort((a, b) => (a.host < b.host ? -1 : 1)));
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
