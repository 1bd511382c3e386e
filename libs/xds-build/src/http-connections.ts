import type * as ir from "@lateen/ir";
import { HttpProtocolOptions_HeadersWithUnderscoresAction as UnderscoresAction } from "@lateen/protos/envoy/config/core/v3/protocol_pb.js";
import {
  HttpConnectionManager_PathWithEscapedSlashesAction as SlashesAction,
  type HttpConnectionManagerSchema,
} from "@lateen/protos/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { optionalDuration } from "./messages.ts";
import type { Init } from "./messages.ts";

type Fields = Init<typeof HttpConnectionManagerSchema>;

const underscores = {
  allow: UnderscoresAction.ALLOW,
  reject: UnderscoresAction.REJECT_REQUEST,
  drop: UnderscoresAction.DROP_HEADER,
} as const;

const slashes = {
  keep: SlashesAction.KEEP_UNCHANGED,
  reject: SlashesAction.REJECT_REQUEST,
  redirect: SlashesAction.UNESCAPE_AND_REDIRECT,
  forward: SlashesAction.UNESCAPE_AND_FORWARD,
} as const;

/** Limits of connections and requests, and what counts before the mesh's handling of paths. */
export function httpConnections({ idleTimeoutMs: usual, connections = {} }: ir.HttpHandler): Fields {
  const { idleTimeoutMs = usual, underscores: named, mergeSlashes, escapedSlashes } = connections;
  const common = {
    ...optionalDuration("idleTimeout", idleTimeoutMs),
    ...optionalDuration("maxConnectionDuration", connections.maxDurationMs),
    ...optionalDuration("maxStreamDuration", connections.maxStreamMs),
    ...(named === undefined ? {} : { headersWithUnderscoresAction: underscores[named] }),
  };
  return {
    ...(Object.keys(common).length === 0 ? {} : { commonHttpProtocolOptions: common }),
    ...http2(connections),
    ...optionalDuration("streamIdleTimeout", connections.streamIdleTimeoutMs),
    ...optionalDuration("requestTimeout", connections.requestTimeoutMs),
    ...optionalDuration("requestHeadersTimeout", connections.requestHeadersTimeoutMs),
    ...optionalDuration("drainTimeout", connections.drainTimeoutMs),
    ...(mergeSlashes === undefined ? {} : { mergeSlashes }),
    ...(escapedSlashes === undefined ? {} : { pathWithEscapedSlashesAction: slashes[escapedSlashes] }),
  };
}

function http2({ maxStreams, streamWindow, connectionWindow }: ir.HttpConnections): Fields {
  const options = {
    ...(maxStreams === undefined ? {} : { maxConcurrentStreams: maxStreams }),
    ...(streamWindow === undefined ? {} : { initialStreamWindowSize: streamWindow }),
    ...(connectionWindow === undefined ? {} : { initialConnectionWindowSize: connectionWindow }),
  };
  return Object.keys(options).length === 0 ? {} : { http2ProtocolOptions: options };
}
