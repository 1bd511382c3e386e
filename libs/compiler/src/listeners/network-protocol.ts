import type * as ir from "@lateen/ir";
import type { Protocol } from "@lateen/model";
import { proxyRef, requires } from "../context.ts";
import type { Context } from "../context.ts";

const filters = {
  mongo: "envoy.filters.network.mongo_proxy",
  mysql: "envoy.filters.network.mysql_proxy",
  redis: "envoy.filters.network.redis_proxy",
} as const;

/** The filter that reads a protocol, where the installation switched it on and the proxy's binary has it. */
export function networkProtocol(context: Context, protocol: Protocol): Pick<ir.TcpHandler, "protocol"> {
  if (protocol !== "mongo" && protocol !== "mysql" && protocol !== "redis") return {};
  if (!context.settings.networkFilters[protocol]) return {};
  const consequence = `connections of protocol ${protocol} are forwarded without being read`;
  return requires(context, filters[protocol], proxyRef(context), consequence) ? { protocol } : {};
}
