import type * as ir from "@lateen/ir";
import type { ProxyNode } from "@lateen/model";
import type { Context } from "./context.ts";
import { connectionWishesOf, withConnectionWishes } from "./connection-wishes.ts";
import type { ConnectionWishes } from "./connection-wishes.ts";
import { headerHandling, headerWishesOf, withHeaderWishes } from "./header-wishes.ts";
import type { HeaderWishes } from "./header-wishes.ts";
import type { ProxySettings } from "./istio.ts";
import { tracingWishesOf } from "./tracing/wishes.ts";
import type { TracingWishes } from "./tracing/wishes.ts";

/** What a proxy asks for by its own metadata and ProxyConfig, in Istio's names. */
export interface ProxyWishes {
  /** HTTP_PROXY_PORT, in the place of the mesh's proxyHttpPort. */
  readonly httpProxyPort?: number;
  /** HTTP10: also HTTP/1.0 is served. */
  readonly acceptHttp10?: true;
  /** IDLE_TIMEOUT: ends connections on which nothing happens. */
  readonly idleTimeoutMs?: number;
  /** INBOUND_ and OUTBOUND_LISTENER_EXACT_BALANCE: the same share of connections to each worker. */
  readonly balanceInbound?: true;
  readonly balanceOutbound?: true;
  /** Its bootstrap has a cluster for the service of access logs. */
  readonly accessLogService?: true;
  readonly tracing?: TracingWishes;
  readonly headers?: HeaderWishes;
  readonly connections?: ConnectionWishes;
}

/** What cannot be read is as if it was not said, as in Istio. */
export function wishesOf(
  { type, metadata, agent }: ProxyNode,
  config: ProxySettings | undefined,
): { readonly wishes?: ProxyWishes } {
  const port = metadata["HTTP_PROXY_PORT"] ?? "";
  const idle = goDurationMs(metadata["IDLE_TIMEOUT"] ?? "");
  const wishes: ProxyWishes = {
    ...(/^[1-9]\d{0,4}$/.test(port) ? { httpProxyPort: Number(port) } : {}),
    ...(isOn(metadata["HTTP10"]) ? { acceptHttp10: true } : {}),
    ...(idle > 0 ? { idleTimeoutMs: idle } : {}),
    ...(isOn(metadata["INBOUND_LISTENER_EXACT_BALANCE"]) ? { balanceInbound: true } : {}),
    ...(isOn(metadata["OUTBOUND_LISTENER_EXACT_BALANCE"]) ? { balanceOutbound: true } : {}),
    ...(agent && config?.envoyAccessLogService?.address ? { accessLogService: true } : {}),
    ...tracingWishesOf(config),
    ...headerWishesOf(config),
    ...connectionWishesOf(type, config),
  };
  return Object.keys(wishes).length === 0 ? {} : { wishes };
}

function isOn(text: string | undefined): boolean {
  return text === "1" || text === "true";
}

const unitsMs: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
  ms: 1,
  us: 0.001,
  ns: 0.000_001,
};

/** `1h30m`, `1.5s`; 0 for anything else. */
function goDurationMs(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s|us|ns)/g)];
  if (parts.map(([part]) => part).join("") !== text) return 0;
  return Math.floor(parts.reduce((sum, [, count, unit]) => sum + Number(count) * (unitsMs[unit ?? ""] ?? 0), 0));
}

type HttpConnection = Pick<
  ir.HttpHandler,
  "pathNormalization" | "acceptHttp10" | "idleTimeoutMs" | "headers" | "trustedProxies" | "connections"
>;

/** How requests are read, wherever this proxy reads them. */
export function httpConnection({ settings, scope }: Context, role: ir.HttpHandler["role"]): HttpConnection {
  const { acceptHttp10, idleTimeoutMs, connections } = scope.wishes ?? {};
  return {
    ...(settings.pathNormalization === "normalize" ? {} : { pathNormalization: settings.pathNormalization }),
    ...headerHandling(scope.wishes?.headers, role),
    ...(acceptHttp10 ? { acceptHttp10 } : {}),
    ...(idleTimeoutMs === undefined ? {} : { idleTimeoutMs }),
    ...(connections?.http === undefined ? {} : { connections: connections.http }),
  };
}

/** `part` as its proxy wishes it, in what concerns more than connection managers: itself where that is nothing. */
export function withWishes(part: ir.ProxyIr, wishes: ProxyWishes | undefined): ir.ProxyIr {
  return withConnectionWishes(withHeaderWishes(part, wishes?.headers), wishes?.connections);
}

export function tcpConnection({ scope }: Context): Pick<ir.TcpHandler, "idleTimeoutMs"> {
  const { idleTimeoutMs } = scope.wishes ?? {};
  return idleTimeoutMs === undefined ? {} : { idleTimeoutMs };
}
