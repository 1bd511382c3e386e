import { create } from "@bufbuild/protobuf";
import type { JsonObject } from "@bufbuild/protobuf";
import { ClientResourceStatus } from "@lateen/protos/envoy/admin/v3/config_dump_shared_pb.js";
import { ClientConfigSchema, ConfigStatus } from "@lateen/protos/envoy/service/status/v3/csds_pb.js";
import type { ClientConfig } from "@lateen/protos/envoy/service/status/v3/csds_pb.js";
import {
  clusterType,
  endpointType,
  extensionConfigType,
  listenerType,
  routeType,
  shortTypeName,
  virtualHostType,
} from "@lateen/xds-server";
import type { ProxyStatus, TypeState, TypeStatus } from "@lateen/xds-server";
import type { StandingRejection } from "../progress/rejections.ts";
import { shortName } from "./context.ts";
import { versionOf } from "../proxies/connected-node.ts";

/** The types that Istio tells of, whether a proxy asks for them or not. */
const toldTypes = [listenerType, routeType, endpointType, clusterType, extensionConfigType];

const configStatus: Readonly<Record<TypeState, ConfigStatus>> = {
  SYNCED: ConfigStatus.SYNCED,
  "NOT SENT": ConfigStatus.NOT_SENT,
  STALE: ConfigStatus.STALE,
  ERROR: ConfigStatus.ERROR,
};

/** Worst last. */
const severity: readonly TypeState[] = ["SYNCED", "NOT SENT", "STALE", "ERROR"];

/** What was refused and why, with the objects it was made from. */
export interface Refusal {
  readonly message: string;
  readonly resources: readonly string[];
  readonly objects: readonly string[];
}

export function refusalOf(
  rejections: readonly StandingRejection[],
  proxy: ProxyStatus,
  typeUrl: string,
): Refusal | undefined {
  const found = rejections.find(
    (one) => one.proxy.connectionId === proxy.proxy.connectionId && one.report.typeUrl === typeUrl,
  );
  return found && refusalIn(found.report);
}

export function refusalIn({ message, resources }: StandingRejection["report"]): Refusal {
  return {
    message,
    resources: resources.map(({ name }) => name),
    objects: [...new Set(resources.flatMap(({ origin }) => origin?.split(",") ?? []))],
  };
}

/** One proxy as istioctl's proxy-status reads it. Virtual hosts that travel alone are routes to it. */
export function clientConfig(status: ProxyStatus, rejections: readonly StandingRejection[]): ClientConfig {
  const { proxy, types } = status;
  return create(ClientConfigSchema, {
    node: { id: shortName(proxy.id), metadata: shownMetadata(status) },
    genericXdsConfigs: toldTypes.map((typeUrl) => {
      const type = worst(types.filter((one) => one.typeUrl === typeUrl || partOf(one.typeUrl) === typeUrl));
      const refusal = type && refusalOf(rejections, status, type.typeUrl);
      return {
        typeUrl,
        configStatus: type === undefined ? ConfigStatus.NOT_SENT : configStatus[type.state],
        ...(refusal === undefined
          ? {}
          : {
              name: refusal.resources[0] ?? "",
              clientStatus: ClientResourceStatus.NACKED,
              errorState: { details: refusalText(refusal) },
            }),
      };
    }),
  });
}

function refusalText({ message, objects }: Refusal): string {
  return objects.length === 0 ? message : `${message} (from ${objects.join(", ")})`;
}

function worst(types: readonly TypeStatus[]): TypeStatus | undefined {
  return [...types].sort((left, right) => severity.indexOf(right.state) - severity.indexOf(left.state))[0];
}

function partOf(typeUrl: string): string {
  return typeUrl === virtualHostType ? routeType : typeUrl;
}

/** Of the metadata what proxy-status has columns for. */
function shownMetadata({ proxy }: ProxyStatus): JsonObject {
  const names = ["CLUSTER_ID", "NAMESPACE", "ISTIO_VERSION"];
  const namespace = shortName(proxy.id).split(".").at(-1) ?? "";
  return {
    NAMESPACE: namespace,
    ...Object.fromEntries(Object.entries(proxy.node.metadata ?? {}).filter(([name]) => names.includes(name))),
  } as JsonObject;
}

/** `/debug/syncz`: Istio's fields, and more of each type. */
export function syncz(proxies: readonly ProxyStatus[], rejections: readonly StandingRejection[]): object[] {
  return proxies.map((status) => {
    const { proxy, types, acknowledgedRevision } = status;
    const version = versionOf(proxy);
    return {
      cluster_id: textOf(proxy.node.metadata?.["CLUSTER_ID"]),
      proxy: shortName(proxy.id),
      node: proxy.id,
      proxy_type: proxy.id.slice(0, proxy.id.indexOf("~")),
      istio_version: version,
      ...Object.fromEntries(types.flatMap(sentAndAcknowledged)),
      version,
      acked_revision: Number(acknowledgedRevision ?? 0n),
      types: types.map((type) => typeEntry(type, refusalOf(rejections, status, type.typeUrl))),
      protocol: proxy.delta ? "delta" : "sotw",
      peer: proxy.peerAddress,
      connected_at: new Date(proxy.connectedAtMs).toISOString(),
    };
  });
}

const istioNames: Readonly<Record<string, string>> = {
  [clusterType]: "cluster",
  [listenerType]: "listener",
  [routeType]: "route",
  [endpointType]: "endpoint",
  [extensionConfigType]: "extensionconfig",
};

function sentAndAcknowledged({ typeUrl, sentNonce, acknowledgedNonce }: TypeStatus): [string, string][] {
  const name = istioNames[typeUrl];
  if (name === undefined) return [];
  return [
    [`${name}_sent`, sentNonce],
    [`${name}_acked`, acknowledgedNonce],
  ];
}

function typeEntry(type: TypeStatus, refusal: Refusal | undefined): object {
  return {
    type_url: type.typeUrl,
    name: shortTypeName(type.typeUrl),
    sent_nonce: type.sentNonce,
    acked_nonce: type.acknowledgedNonce,
    status: type.state,
    acked_revision: Number(type.acknowledgedRevision),
    ...(type.error === undefined ? {} : { error: type.error }),
    ...(refusal === undefined ? {} : { resources: refusal.resources, objects: refusal.objects }),
  };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
