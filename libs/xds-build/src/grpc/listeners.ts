import { create } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import type * as ir from "@lateen/ir";
import { ListenerSchema } from "@lateen/protos/envoy/config/listener/v3/listener_pb.js";
import type { Listener } from "@lateen/protos/envoy/config/listener/v3/listener_pb.js";
import { HTTPFaultSchema } from "@lateen/protos/envoy/extensions/filters/http/fault/v3/fault_pb.js";
import { RBACSchema } from "@lateen/protos/envoy/extensions/filters/http/rbac/v3/rbac_pb.js";
import { RouterSchema } from "@lateen/protos/envoy/extensions/filters/http/router/v3/router_pb.js";
import { HttpConnectionManagerSchema } from "@lateen/protos/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { overAds, socketAddress, typed } from "../messages.ts";
import type { Init } from "../messages.ts";
import { grpcServerName, grpcTableName } from "../naming.ts";
import { buildRules } from "../rbac.ts";
import { faultFilter } from "../route-filters.ts";
import { serverSocket } from "./security.ts";

type Manager = Init<typeof HttpConnectionManagerSchema>;

const rbacFilter = "envoy.filters.http.rbac";

/** What a channel with this target watches: https://github.com/grpc/proposal/blob/master/A27-xds-global-load-balancing.md */
export function buildClientListener({ target, service }: ir.GrpcClient): Listener {
  const manager: Manager = {
    routeSpecifier: { case: "rds", value: { routeConfigName: grpcTableName(service), configSource: overAds() } },
    httpFilters: [filter(faultFilter, typed(HTTPFaultSchema, {})), router],
  };
  return create(ListenerSchema, {
    name: target,
    apiListener: { apiListener: typed(HttpConnectionManagerSchema, manager) },
  });
}

/**
 * What a server on this address watches. It must have the very address the server listens on, and neither listener
 * filters nor use_original_dst: https://github.com/grpc/proposal/blob/master/A36-xds-for-servers.md
 */
export function buildServerListener(server: ir.GrpcServer): Listener {
  const manager: Manager = {
    routeSpecifier: { case: "routeConfig", value: everything },
    httpFilters: [...rules(server), router],
  };
  const config = typed(HttpConnectionManagerSchema, manager);
  return create(ListenerSchema, {
    name: grpcServerName(server),
    address: socketAddress(server.bind, server.port),
    filterChains: [
      {
        name: server.mutualTls ? "inbound-mtls" : "inbound-plaintext",
        filters: [
          {
            name: "envoy.filters.network.http_connection_manager",
            configType: { case: "typedConfig", value: config },
          },
        ],
        ...(server.mutualTls ? { transportSocket: serverSocket() } : {}),
      },
    ],
  });
}

/** A filter each, as a library refuses two of one name. */
function rules({ authorization }: ir.GrpcServer) {
  return authorization.flatMap(({ enforce }, index) =>
    enforce === undefined
      ? []
      : [
          filter(
            index === 0 ? rbacFilter : `${rbacFilter}.${index}`,
            typed(RBACSchema, { rules: buildRules(enforce) }),
          ),
        ],
  );
}

const everything: NonNullable<Extract<Manager["routeSpecifier"], { case: "routeConfig" }>>["value"] = {
  name: "inbound",
  virtualHosts: [
    {
      name: "inbound",
      domains: ["*"],
      routes: [
        {
          match: { pathSpecifier: { case: "prefix", value: "/" } },
          action: { case: "nonForwardingAction", value: {} },
        },
      ],
    },
  ],
};

function filter(name: string, config: Any) {
  return { name, configType: { case: "typedConfig" as const, value: config } };
}

const router = filter("envoy.filters.http.router", typed(RouterSchema, {}));
