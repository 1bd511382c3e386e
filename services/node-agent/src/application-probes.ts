import { createConnection } from "node:net";
import { create } from "@bufbuild/protobuf";
import {
  Health,
  HealthCheckRequestSchema,
  HealthCheckResponse_ServingStatus,
} from "@lateen/protos/grpc/health/v1/health_pb.js";
import { createClient, openChannel } from "@lateen/rpc";
import { ask } from "./http-client.ts";

/** One of the application's own probes, as the injector moved it here. Ports are numbers by then. */
export interface ApplicationProbe {
  readonly httpGet?: {
    readonly path?: string;
    readonly port: number | string;
    readonly scheme?: string;
    readonly httpHeaders?: readonly { readonly name: string; readonly value: string }[];
  };
  readonly tcpSocket?: { readonly port: number | string };
  readonly grpc?: { readonly port: number; readonly service?: string };
  readonly timeoutSeconds?: number;
}

/** Asks the application on behalf of the kubelet, from inside its pod. Resolves with the status to answer; never rejects. */
export async function probeApplication(probe: ApplicationProbe, host: string): Promise<number> {
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
  try {
    if (probe.httpGet !== undefined) return await probeHttp(probe.httpGet, host, timeoutMs);
    if (probe.tcpSocket !== undefined) return await probeTcp(Number(probe.tcpSocket.port), host, timeoutMs);
    if (probe.grpc !== undefined) return await probeGrpc(probe.grpc, host, timeoutMs);
    return 404;
  } catch {
    return 503; // refused, reset or too slow: the kubelet counts it as a failed probe
  }
}

async function probeHttp(
  probe: NonNullable<ApplicationProbe["httpGet"]>,
  host: string,
  timeoutMs: number,
): Promise<number> {
  const path = probe.path ?? "/";
  const scheme = (probe.scheme ?? "HTTP").toLowerCase();
  const url = `${scheme}://${host}:${probe.port}${path.startsWith("/") ? path : `/${path}`}`;
  const headers: Record<string, string> = {};
  for (const { name, value } of probe.httpHeaders ?? [])
    headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
  const { status } = await ask(url, { headers, timeoutMs, statusOnly: true, freshConnection: true });
  return status;
}

function probeTcp(port: number, host: string, timeoutMs: number): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const socket = createConnection({ port, host, timeout: timeoutMs });
  socket.once("connect", () => resolve(200));
  socket.once("timeout", () => resolve(503));
  socket.once("error", () => resolve(503));
  return promise.finally(() => socket.destroy());
}

async function probeGrpc(
  probe: NonNullable<ApplicationProbe["grpc"]>,
  host: string,
  timeoutMs: number,
): Promise<number> {
  const channel = openChannel(`${host}:${probe.port}`, { kind: "plaintext" });
  try {
    const request = create(HealthCheckRequestSchema, { service: probe.service ?? "" });
    const { status } = await createClient(Health, channel).check(request, { timeoutMs });
    return status === HealthCheckResponse_ServingStatus.SERVING ? 200 : 503;
  } finally {
    channel.close();
  }
}
