import { MeshError } from "@lateen/runtime";

/** The ports of `lateen up`; 0 lets the system choose. */
export interface Ports {
  readonly grpc: number;
  readonly secureGrpc: number;
  readonly monitoring: number;
  readonly http: number;
  readonly policy: number;
}

/** Which flag moves which port: for parsing, and for the message when one is taken. */
export const portFlags: Readonly<Record<keyof Ports, string>> = {
  grpc: "--grpc-port",
  secureGrpc: "--secure-grpc-port",
  monitoring: "--monitoring-port",
  http: "--http-port",
  policy: "--policy-port",
};

export type PortOptions = {
  readonly [Flag in "grpcPort" | "secureGrpcPort" | "monitoringPort" | "httpPort" | "policyPort"]: string;
};

/** Throws an error that names the flag and the value. */
export function parsePorts(options: PortOptions): Ports {
  const read = (flag: keyof PortOptions, key: keyof Ports): number => {
    const port = Number(options[flag]);
    if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
    throw new MeshError(
      "cli_port",
      `${portFlags[key]} is "${options[flag]}"; give a port from 1 to 65535, or 0 for any free one`,
    );
  };
  return {
    grpc: read("grpcPort", "grpc"),
    secureGrpc: read("secureGrpcPort", "secureGrpc"),
    monitoring: read("monitoringPort", "monitoring"),
    http: read("httpPort", "http"),
    policy: read("policyPort", "policy"),
  };
}
