import type { Cursor } from "../report.ts";
import { didYouMean } from "../schema/suggest.ts";

const protocols = ["HTTP", "HTTPS", "GRPC", "GRPC-WEB", "HTTP2", "MONGO", "REDIS", "MYSQL", "TCP", "TLS", "UDP"];

export interface PortOfProtocol {
  readonly number: number;
  readonly protocol: string;
  readonly name: string;
}

/** Port protocols of Gateways and ServiceEntries; case does not matter, as in Istio. */
export function checkProtocol(protocol: string, at: Cursor): void {
  if (protocol === "") at.error("protocol", `is required: one of ${protocols.join(", ")}`);
  else if (!protocols.includes(protocol.toUpperCase())) {
    at.error(
      "protocol",
      `${JSON.stringify(protocol)} is not a protocol; expects one of ${protocols.join(", ")}${didYouMean(protocol, protocols)}`,
    );
  }
}

export function isTlsProtocol(protocol: string): boolean {
  return ["HTTPS", "TLS"].includes(protocol.toUpperCase());
}

export function isHttpProtocol(protocol: string): boolean {
  return ["HTTP", "HTTP2", "GRPC", "GRPC-WEB"].includes(protocol.toUpperCase());
}
