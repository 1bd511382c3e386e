import { once } from "node:events";
import type { Server as HttpServer } from "node:http";
import type { Http2Server } from "node:http2";
import type { Server } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { endpointSlice } from "@lateen/e2e-harness";
import type { FeatureContext, MeshWorkload, ServiceSpec } from "./feature.ts";

/** The row's DestinationRule, of nothing but a traffic policy; for `<slug>-<suffix>` where there is one. */
export function policy(row: FeatureContext, trafficPolicy: object, suffix?: string): object {
  return row.destinationRule({ host: hostOf(row, suffix), trafficPolicy }, suffix);
}

export function hostOf(row: FeatureContext, suffix?: string): string {
  return row.mesh.host(suffix === undefined ? row.slug : `${row.slug}-${suffix}`);
}

/** How to ask a Service of the row that has a suffix. */
export function at(row: FeatureContext, suffix: string): { readonly host: string } {
  return { host: `${hostOf(row, suffix)}:${row.port}` };
}

export function versions(row: FeatureContext, ...names: readonly string[]): readonly MeshWorkload[] {
  return names.map((name) => row.workload("reviews", name));
}

/**
 * Envoy's workers hear of an ejection at once only when there was no other within a second (update_merge_window):
 * https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/cluster/v3/cluster.proto#config-cluster-v3-cluster-commonlbconfig
 */
export async function allEjectionsKnown(): Promise<void> {
  await sleep(1_500);
}

/** No retries: what one request meets is what the caller sees. */
export function noRetries(row: FeatureContext, suffix?: string): object {
  const host = hostOf(row, suffix);
  return row.virtualService(
    { hosts: [host], http: [{ retries: { attempts: 0 }, route: [{ destination: { host } }] }] },
    suffix,
  );
}

/** A Service over a server of the row's own, at `row.address(index)` and `row.ports(index)`. */
export function overOwn(
  row: FeatureContext,
  spec: Omit<ServiceSpec, "to">,
  ...indexes: readonly number[]
): readonly object[] {
  const { name: service, namespace } = row.named(spec.suffix);
  const slices = indexes.map((index) =>
    endpointSlice(
      { namespace, name: `${service}-own-${index}` },
      { service, portName: spec.portName ?? "http", address: row.address(index), port: row.ports(index) },
    ),
  );
  return [...row.service({ ...spec, to: [] }), ...slices];
}

/** Listens at `row.address(index)` and `row.ports(index)` until disposed. */
export async function listen<Own extends Server | HttpServer | Http2Server>(
  server: Own,
  row: FeatureContext,
  index: number,
): Promise<Own & AsyncDisposable> {
  const sockets = new Set<{ destroy(): void }>();
  server.on("connection", (socket: { destroy(): void }) => sockets.add(socket));
  server.listen(row.ports(index), row.address(index));
  await once(server, "listening");
  return Object.assign(server, {
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  });
}
