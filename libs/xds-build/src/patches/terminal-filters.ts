/** Messages of filters that end a chain: Envoy refuses a chain without one of them at its end, and any behind one. */
export const terminalHttpFilters: ReadonlySet<string> = new Set(["envoy.extensions.filters.http.router.v3.Router"]);

const network = "envoy.extensions.filters.network";
export const terminalNetworkFilters: ReadonlySet<string> = new Set([
  `${network}.http_connection_manager.v3.HttpConnectionManager`,
  `${network}.tcp_proxy.v3.TcpProxy`,
  `${network}.direct_response.v3.Config`,
  `${network}.echo.v3.Echo`,
  `${network}.redis_proxy.v3.RedisProxy`,
  `${network}.thrift_proxy.v3.ThriftProxy`,
  `${network}.dubbo_proxy.v3.DubboProxy`,
  `${network}.generic_proxy.v3.GenericProxy`,
]);
