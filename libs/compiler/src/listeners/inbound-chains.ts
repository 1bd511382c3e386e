import type * as ir from "@lateen/ir";
import type { Context } from "../context.ts";
import type { PeerMode } from "../index/peer-modes.ts";

/** What clients of the mesh announce by ALPN under mutual TLS: https://github.com/istio/istio/blob/master/pilot/pkg/networking/core/filterchain_options.go */
const httpAlpn = ["istio-http/1.0", "istio-http/1.1", "istio-h2"];
const tcpAlpn = ["istio-peer-exchange", "istio"];
export const meshAlpn = [...tcpAlpn, ...httpAlpn];
const plainHttp = ["http/1.1", "h2c"];
/** Read as HTTP only where the proxy takes it; elsewhere it passes as bytes instead of being refused. */
const oldHttp = "http/1.0";

/** What the server itself offers: TCP chains must let the peer's metadata exchange be negotiated. */
const identityTls: ir.DownstreamTls = { mode: "workload-identity", alpn: ["h2", "http/1.1"] };

/** One way in: which bytes, under which protection, as what. */
export interface WayIn {
  readonly handler: "http" | "tcp";
  readonly tls?: ir.DownstreamTls;
  readonly match: Pick<ir.ChainMatch, "transport" | "applicationProtocols">;
}

const secure = (handler: WayIn["handler"], applicationProtocols?: readonly string[]): WayIn => ({
  handler,
  tls: identityTls,
  match: { transport: "tls", ...(applicationProtocols === undefined ? {} : { applicationProtocols }) },
});
const open = (handler: WayIn["handler"], match: WayIn["match"]): WayIn => ({ handler, match });

/** Every way into a port, as Istio has them. `sniff`: the protocol is not declared. */
export function waysIn(protocol: "http" | "tcp" | "sniff", mode: PeerMode): readonly WayIn[] {
  return table[protocol][mode];
}

/** With TLS of the server's own for callers outside the mesh; those inside are told by what they announce. */
export function waysInByTls(
  protocol: "http" | "tcp" | "sniff",
  mode: "permissive" | "disable",
  tls: ir.DownstreamTls,
): readonly WayIn[] {
  const handler = protocol === "http" ? "http" : "tcp";
  const inside = mode === "disable" ? [] : waysIn(protocol, mode).filter((way) => way.tls !== undefined);
  return [...inside, { handler, tls, match: { transport: "tls" } }];
}

/** Where nothing looks for TLS, Envoy takes all bytes for plain ones. */
const table: Readonly<Record<"http" | "tcp" | "sniff", Readonly<Record<PeerMode, readonly WayIn[]>>>> = {
  http: {
    strict: [secure("http")],
    permissive: [secure("http", meshAlpn), open("http", { transport: "raw" })],
    disable: [open("http", { transport: "raw" })],
  },
  tcp: {
    strict: [secure("tcp")],
    permissive: [secure("tcp", meshAlpn), open("tcp", { transport: "raw" }), open("tcp", { transport: "tls" })],
    disable: [open("tcp", { transport: "raw" })],
  },
  sniff: {
    strict: [secure("http", httpAlpn), secure("tcp")],
    permissive: [
      secure("http", httpAlpn),
      open("http", { transport: "raw", applicationProtocols: plainHttp }),
      secure("tcp", tcpAlpn),
      open("tcp", { transport: "raw" }),
      open("tcp", { transport: "tls" }),
    ],
    // Envoy does not turn back: plain bytes that are not HTTP need a chain beside the plain one that is for HTTP.
    disable: [open("http", { transport: "raw", applicationProtocols: plainHttp }), open("tcp", { transport: "raw" })],
  },
};

/** What has to look at the first bytes for these matches to work. */
export function inspectorsFor(chains: readonly ir.FilterChain[]): readonly ("tls" | "http")[] {
  const tls = chains.some(({ match }) => match.transport === "tls" || match.serverNames !== undefined);
  const http = chains.some((chain) =>
    chain.match.applicationProtocols?.some((protocol) => plainHttp.includes(protocol)),
  );
  return [...(tls ? ["tls" as const] : []), ...(http ? ["http" as const] : [])];
}

/** Plaintext HTTP, as a proxy tells it from other bytes that leave its workload. */
export function plainHttpMatch({ scope }: Context): ir.ChainMatch {
  return withOldHttp(scope, { transport: "raw", applicationProtocols: plainHttp });
}

/** `match` of plaintext HTTP also of HTTP/1.0 where the proxy takes that. */
export function withOldHttp({ wishes }: Context["scope"], match: ir.ChainMatch): ir.ChainMatch {
  if (match.applicationProtocols !== plainHttp || wishes?.acceptHttp10 !== true) return match;
  return { ...match, applicationProtocols: [oldHttp, ...plainHttp] };
}
