import type * as ir from "@lateen/ir";
import { byIdentity } from "./index/remember.ts";
import type { ProxyHeadersRule, ProxySettings } from "./istio.ts";

/** What a ProxyConfig says of headers and of what stands before a gateway. */
export interface HeaderWishes {
  readonly handling?: ir.HeaderHandling;
  /** Requests do not say which attempt they are. */
  readonly attempts?: "uncounted";
  /** Servers learn the host that was asked for where it is rewritten. */
  readonly forwardsHost?: true;
  /** Of a gateway: in place of `handling.peer`, which is a sidecar's. */
  readonly gatewayPeer?: ir.PeerHandling;
  /** Proxies before a gateway that say who the client is. */
  readonly trustedProxies?: number;
  /** Connections to a gateway begin with the PROXY protocol. */
  readonly proxyProtocol?: true;
}

/** By Istio's number; 0 says nothing. */
const peerHandlings = [
  undefined,
  "sanitize",
  "forward-only",
  "append-forward",
  "sanitize-set",
  "always-forward-only",
] as const satisfies readonly (ir.PeerHandling | undefined)[];

/** Nothing where all is as usual. */
export function headerWishesOf(config: ProxySettings | undefined): { readonly headers?: HeaderWishes } {
  const { proxyHeaders, gatewayTopology } = config ?? {};
  const handling = proxyHeaders === undefined ? {} : handlingOf(proxyHeaders);
  const gatewayPeer = peerHandlings[gatewayTopology?.forwardClientCertDetails ?? 0];
  const trusted = gatewayTopology?.numTrustedProxies ?? 0;
  const wishes: HeaderWishes = {
    ...(Object.keys(handling).length === 0 ? {} : { handling }),
    ...(proxyHeaders?.attemptCount?.disabled === true ? { attempts: "uncounted" } : {}),
    ...(proxyHeaders?.xForwardedHost?.enabled === true ? { forwardsHost: true } : {}),
    ...(gatewayPeer === undefined ? {} : { gatewayPeer }),
    ...(trusted > 0 ? { trustedProxies: trusted } : {}),
    ...(gatewayTopology?.proxyProtocol === undefined ? {} : { proxyProtocol: true }),
  };
  return Object.keys(wishes).length === 0 ? {} : { headers: wishes };
}

function handlingOf(rule: ProxyHeadersRule): ir.HeaderHandling {
  const { server, requestId, envoyDebugHeaders, xForwardedPort, preserveHttp1HeaderCase } = rule;
  const peer = peerHandlings[rule.forwardedClientCert];
  const details = rule.setCurrentClientCertDetails;
  return {
    ...(server?.disabled === true
      ? { server: "untouched" }
      : server !== undefined && server.value !== ""
        ? { server: { name: server.value } }
        : {}),
    ...(requestId?.disabled === true ? { requestIds: "as-they-come" } : {}),
    ...(envoyDebugHeaders?.disabled === true ? { envoyHeaders: "none" } : {}),
    ...(xForwardedPort?.enabled === true ? { forwardsPort: true } : {}),
    ...(preserveHttp1HeaderCase === true ? { keepsCase: true } : {}),
    ...(peer === undefined ? {} : { peer }),
    ...(details === undefined
      ? {}
      : {
          peerDetails: {
            subject: details.subject ?? true,
            certificate: details.cert ?? false,
            chain: details.chain ?? false,
            dns: details.dns ?? true,
            uri: details.uri ?? true,
          },
        }),
  };
}

/** For a connection manager of a sidecar or a gateway. */
export function headerHandling(
  wishes: HeaderWishes | undefined,
  role: ir.HttpHandler["role"],
): Pick<ir.HttpHandler, "headers" | "trustedProxies"> {
  if (wishes === undefined) return {};
  const { handling, gatewayPeer, trustedProxies } = wishes;
  if (role !== "gateway") return handling === undefined ? {} : { headers: handling };
  const { peer: _sidecars, ...common } = handling ?? {};
  const headers = { ...common, ...(gatewayPeer === undefined ? {} : { peer: gatewayPeer }) };
  return {
    ...(Object.keys(headers).length === 0 ? {} : { headers }),
    ...(trustedProxies === undefined ? {} : { trustedProxies }),
  };
}

/** What routes and clusters of `part` do for the headers that are wished for: `part` itself where that is nothing. */
export function withHeaderWishes(part: ir.ProxyIr, wishes: HeaderWishes | undefined): ir.ProxyIr {
  const keepsCase = wishes?.handling?.keepsCase === true;
  const { attempts, forwardsHost } = wishes ?? {};
  const routes = attempts !== undefined || forwardsHost !== undefined;
  if (!keepsCase && !routes) return part;
  const host = hostsWith[`${attempts === undefined ? "counted" : "uncounted"}-${forwardsHost ? "told" : "untold"}`];
  return {
    ...part,
    ...(keepsCase ? { clusters: part.clusters.map(keepingCase) } : {}),
    ...(routes
      ? { routeTables: part.routeTables.map((table) => ({ ...table, virtualHosts: table.virtualHosts.map(host) })) }
      : {}),
  };
}

const keepingCase = byIdentity(
  (cluster: ir.Cluster): ir.Cluster =>
    cluster.http.protocol === "http1" || cluster.http.protocol === "downstream"
      ? { ...cluster, http: { ...cluster.http, keepsCase: true } }
      : cluster,
);

/** The same host for the same host: a table's change costs what has changed. */
const hostWith = (more: Pick<ir.VirtualHost, "attempts" | "forwardsHost">) =>
  byIdentity((host: ir.VirtualHost): ir.VirtualHost => ({ ...host, ...more }));

const hostsWith = {
  "counted-untold": (host: ir.VirtualHost): ir.VirtualHost => host,
  "counted-told": hostWith({ forwardsHost: true }),
  "uncounted-untold": hostWith({ attempts: "uncounted" }),
  "uncounted-told": hostWith({ attempts: "uncounted", forwardsHost: true }),
} as const;
