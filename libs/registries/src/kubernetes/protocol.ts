import type { Protocol } from "@lateen/model";

/** By lower-case name. What Istio knows and Lateen has no own treatment for is plain TCP. */
const byName: Readonly<Record<string, Protocol>> = {
  http: "http",
  http_proxy: "http",
  http2: "http2",
  grpc: "grpc",
  "grpc-web": "grpc-web",
  https: "https",
  tls: "tls",
  tcp: "tcp",
  udp: "udp",
  mysql: "mysql",
  mongo: "mongo",
  redis: "redis",
  thrift: "tcp",
  hbone: "tcp",
};

/** Names that only `appProtocol` can have. */
const byAppProtocol: Readonly<Record<string, Protocol>> = {
  "kubernetes.io/h2c": "http2",
  "kubernetes.io/ws": "http",
  "kubernetes.io/wss": "https",
};

/** Where the server speaks first, waiting for the client's first bytes would hang: never detected. */
const serverFirstPorts: ReadonlySet<number> = new Set([25, 53, 3306, 27_017]);

export interface PortFacts {
  readonly name: string;
  readonly number: number;
  /** TCP, UDP or SCTP. */
  readonly transport: string;
  readonly appProtocol?: string;
}

/** Istio's choice: `appProtocol`, else the port's name up to its first hyphen, else detection by `auto`. */
export function protocolOf(port: PortFacts): Protocol {
  if (port.transport === "UDP") return "udp";
  const special = byAppProtocol[port.appProtocol ?? ""];
  if (special) return special;
  const name = (port.appProtocol || port.name).toLowerCase();
  if (name === "grpc-web" || name.startsWith("grpc-web-")) return "grpc-web";
  const prefix = name.split("-")[0] ?? "";
  const known = Object.hasOwn(byName, prefix) ? byName[prefix] : undefined;
  return known ?? (serverFirstPorts.has(port.number) ? "tcp" : "auto");
}
