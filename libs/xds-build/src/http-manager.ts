import { create } from "@bufbuild/protobuf";
import type * as ir from "@lateen/ir";
import type { Filter } from "@lateen/protos/envoy/config/listener/v3/listener_components_pb.js";
import { FilterSchema } from "@lateen/protos/envoy/config/listener/v3/listener_components_pb.js";
import {
  HttpConnectionManager_CodecType,
  HttpConnectionManager_PathWithEscapedSlashesAction,
  HttpConnectionManagerSchema,
} from "@lateen/protos/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { buildAccessLog } from "./access-logs.ts";
import { byContent } from "./by-content.ts";
import { identity, keptCase, ownHeaders } from "./headers.ts";
import { httpConnections } from "./http-connections.ts";
import { httpFilters } from "./http-filters.ts";
import { duration, overAds, typed } from "./messages.ts";
import type { Init } from "./messages.ts";
import { delimited, routeTableName } from "./naming.ts";
import { buildRouteTable } from "./routes.ts";
import { tracing } from "./tracing.ts";

type Fields = Init<typeof HttpConnectionManagerSchema>;

const upgrades = { upgradeConfigs: [{ upgradeType: "websocket" }] };

/** Handlers that discover their routes are alike in many listeners; those with routes of their own are not. */
export function httpManager(handler: ir.HttpHandler, statName: string): Filter {
  return handler.routes.from === "inline" ? buildManager(handler, statName) : sharedManager(handler, statName);
}

const sharedManager = byContent(buildManager);

function buildManager(handler: ir.HttpHandler, statName: string): Filter {
  const config = typed(HttpConnectionManagerSchema, {
    statPrefix: statPrefix(handler, statName),
    codecType: HttpConnectionManager_CodecType.AUTO,
    ...routes(handler),
    httpFilters: httpFilters.flatMap((build) => build(handler)),
    accessLog: handler.accessLogs.map((log) => buildAccessLog(log)),
    ...tracing(handler.tracing),
    // Streams live as long as they like; a route's timeout bounds requests.
    streamIdleTimeout: duration(0),
    // Clients that wait for leave to send get it from who serves them, not from a proxy on the way.
    proxy100Continue: true,
    ...pathNormalization(handler.pathNormalization),
    ...http1(handler),
    ...httpConnections(handler),
    ...upgrades,
    // A name that ends with a dot is the same name, fully qualified.
    ...(handler.role === "outbound" ? { stripTrailingHostDot: true } : {}),
    ...identity(handler),
    ...ownHeaders(handler.headers),
  });
  return create(FilterSchema, {
    name: "envoy.filters.network.http_connection_manager",
    configType: { case: "typedConfig", value: config },
  });
}

function pathNormalization(how: ir.HttpHandler["pathNormalization"]): Fields {
  const { KEEP_UNCHANGED, UNESCAPE_AND_FORWARD } = HttpConnectionManager_PathWithEscapedSlashesAction;
  return {
    normalizePath: how !== "as-is",
    ...(how === "merge-slashes" || how === "decode-and-merge-slashes" ? { mergeSlashes: true } : {}),
    pathWithEscapedSlashesAction: how === "decode-and-merge-slashes" ? UNESCAPE_AND_FORWARD : KEEP_UNCHANGED,
  };
}

function http1({ acceptHttp10, headers }: ir.HttpHandler): Fields {
  if (acceptHttp10 !== true && headers?.keepsCase !== true) return {};
  return { httpProtocolOptions: { acceptHttp10: acceptHttp10 === true, ...(headers?.keepsCase ? keptCase : {}) } };
}

/** A gateway's server is called what its user calls it. */
function statPrefix({ role, routes: source, statName: own }: ir.HttpHandler, statName: string): string {
  if (own !== undefined) return role === "gateway" ? own : delimited(own);
  if (source.from === "inline" && source.table.ref.kind === "inbound" && source.table.ref.port === 0)
    return delimited(routeTableName(source.table.ref));
  return delimited(`${role === "inbound" ? "inbound" : "outbound"}_${statName}`);
}

/** Each port's chains have the same one. */
const inlineTable = byContent(buildRouteTable);

function routes({ routes: source }: ir.HttpHandler): Fields {
  return source.from === "inline"
    ? { routeSpecifier: { case: "routeConfig", value: inlineTable(source.table) } }
    : {
        routeSpecifier: {
          case: "rds",
          value: { routeConfigName: routeTableName(source.ref), configSource: overAds() },
        },
      };
}
