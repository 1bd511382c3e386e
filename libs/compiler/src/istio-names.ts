/** Istio's enumerations by number, as this package speaks of them; the messages carry only the numbers. */
import type { Protocol } from "@lateen/model";

export const tlsModes = ["disable", "simple", "mutual", "istio-mutual"] as const;
export const serverTlsModes = [
  "passthrough",
  "simple",
  "mutual",
  "auto-passthrough",
  "istio-mutual",
  "optional-mutual",
] as const;
export const tlsVersions = [undefined, "1.0", "1.1", "1.2", "1.3"] as const;
export const simpleBalancers = [
  "unspecified",
  "least-conn",
  "random",
  "passthrough",
  "round-robin",
  "least-request",
] as const;
export const resolutions = ["none", "static", "dns", "dns-round-robin", "dynamic-dns"] as const;
export const mtlsModes = ["unset", "disable", "permissive", "strict"] as const;
export const authorizationActions = ["allow", "deny", "audit", "custom"] as const;
export const workloadModes = ["both", "client", "server"] as const;

export const captureModes = ["default", "iptables", "none"] as const;

const protocols: Readonly<Record<string, Protocol>> = {
  "": "auto",
  http: "http",
  http_proxy: "http",
  http2: "http2",
  grpc: "grpc",
  "grpc-web": "grpc-web",
  "grpc-web-": "grpc-web",
  https: "https",
  tls: "tls",
  tcp: "tcp",
  udp: "udp",
  mysql: "mysql",
  mongo: "mongo",
  redis: "redis",
};

/** A protocol as ServiceEntry and Gateway ports write it, in any case. Unknown ones are plain TCP, as in Istio. */
export function protocolOf(text: string): Protocol {
  return protocols[text.toLowerCase()] ?? "tcp";
}

export function isHttp(protocol: Protocol): boolean {
  return protocol === "http" || protocol === "http2" || protocol === "grpc" || protocol === "grpc-web";
}

export function isHttp2(protocol: Protocol): boolean {
  return protocol === "http2" || protocol === "grpc" || protocol === "grpc-web";
}

/** Server speaks TLS itself; a client is told apart by the server name it asks for. */
export function isTlsPassthrough(protocol: Protocol): boolean {
  return protocol === "https" || protocol === "tls";
}
