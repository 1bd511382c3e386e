import assert from "node:assert/strict";
import { endpointSlice, telemetry } from "@lateen/e2e-harness";
import type { Feature, FeatureContext } from "./feature.ts";
import type { Collector, SeenSpan } from "./span-collectors.ts";

export const provider = (kind: string, field: string): string => `MeshConfig.extensionProviders.${kind}.${field}`;
export const located = (kind: string): readonly string[] => [provider(kind, "service"), provider(kind, "port")];

export interface Told {
  /** Default zipkin. */
  readonly kind?: string;
  /** The collector is spoken to in gRPC. */
  readonly grpc?: true;
  /** More of the provider. */
  readonly more?: (row: FeatureContext) => object;
  /** Telemetry's, of the mesh; default all requests. */
  readonly tracing?: readonly object[];
  /** More of the MeshConfig. */
  readonly mesh?: object;
  readonly manifests?: (row: FeatureContext) => readonly object[];
}

export const everything = [{ randomSamplingPercentage: 100 }];

/** A mesh whose spans go to a collector of the row's on its port 1. */
export function traced(told: Told = {}): Pick<Feature, "alone" | "meshConfig" | "manifests"> {
  const { kind = "zipkin", more, tracing = everything } = told;
  const portName = told.grpc === true ? "grpc" : "http";
  return {
    alone: true,
    meshConfig: (row) => ({
      defaultProviders: { tracing: ["spans"] },
      extensionProviders: [
        {
          name: "spans",
          [kind]: { service: row.mesh.host(row.named("spans").name), port: row.ports(2), ...more?.(row) },
        },
      ],
      ...told.mesh,
    }),
    manifests: (row) => [
      ...row.service({ suffix: "spans", port: row.ports(2), portName, to: [] }),
      endpointSlice(row.named("spans"), {
        service: row.named("spans").name,
        portName,
        address: "127.0.0.1",
        port: row.ports(1),
      }),
      telemetry({ namespace: "istio-system", name: row.slug }, { tracing }),
      ...(told.manifests?.(row) ?? []),
    ],
  };
}

export const spansOf = ({ spans }: Collector, app: string): readonly SeenSpan[] =>
  spans.filter(({ service }) => service.startsWith(app));

/** Sends until both proxies' spans of one trace came: theirs, in this order. */
export async function oneTrace(
  row: FeatureContext,
  collector: Collector,
  asked: Parameters<FeatureContext["ask"]>[0] = {},
): Promise<readonly [SeenSpan, SeenSpan]> {
  let found: readonly [SeenSpan, SeenSpan] | undefined;
  await row.eventually(async () => {
    await row.sendMany(6, asked);
    for (const client of spansOf(collector, "frontend")) {
      const server = spansOf(collector, "reviews").find((span) => span.trace === client.trace);
      if (server !== undefined) found = [client, server];
    }
    assert.ok(found, `${collector.calls.length} calls, ${collector.spans.length} spans`);
  });
  assert.ok(found);
  return found;
}
