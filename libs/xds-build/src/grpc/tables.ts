import { create } from "@bufbuild/protobuf";
import type * as ir from "@lateen/ir";
import { RouteConfigurationSchema } from "@lateen/protos/envoy/config/route/v3/route_pb.js";
import type { RouteConfiguration } from "@lateen/protos/envoy/config/route/v3/route_pb.js";
import { RouteAction_MaxStreamDurationSchema } from "@lateen/protos/envoy/config/route/v3/route_components_pb.js";
import type { Route } from "@lateen/protos/envoy/config/route/v3/route_components_pb.js";
import { grpcTableName } from "../naming.ts";
import { buildRoute } from "../routes.ts";

/** One virtual host for whatever the channel was called: the table is asked for by the service. */
export function buildGrpcTable({ service, routes }: ir.GrpcTable): RouteConfiguration {
  return create(RouteConfigurationSchema, {
    name: grpcTableName(service),
    virtualHosts: [{ name: `${service.host}:${service.port}`, domains: ["*"], routes: routes.map(spokenRoute) }],
  });
}

/** A library reads how long a call may take from max_stream_duration, and not `timeout`. */
function spokenRoute(from: ir.Route): Route {
  const route = buildRoute(from);
  if (route.action.case === "route") {
    const { value } = route.action;
    const { timeout } = value;
    delete value.timeout;
    if (timeout !== undefined && (timeout.seconds > 0n || timeout.nanos > 0)) {
      value.maxStreamDuration = create(RouteAction_MaxStreamDurationSchema, { maxStreamDuration: timeout });
    }
  }
  return route;
}
