import { endpointSlice } from "@lateen/e2e-harness";
import type { Feature, FeatureContext } from "./feature.ts";

export const logProvider = (kind: string, name: string): string => `MeshConfig.extensionProviders.${kind}.${name}`;

/** A mesh whose default provider of access logs is of this kind. */
export const logging = (
  kind: string,
  settings: (row: FeatureContext) => object,
): Pick<Feature, "alone" | "meshConfig"> => ({
  alone: true,
  meshConfig: (row) => ({
    defaultProviders: { accessLogging: ["logs"] },
    extensionProviders: [{ name: "logs", [kind]: settings(row) }],
  }),
});

/** A collector of the row's on its port 1, as a service on its port 2. */
export const collector = (row: FeatureContext): readonly object[] => [
  ...row.service({ suffix: "logs", port: row.ports(2), portName: "grpc", to: [] }),
  sliceOf(row, "logs", row.ports(1)),
];

export const collectorOf = (row: FeatureContext): object => ({
  service: row.mesh.host(row.named("logs").name),
  port: row.ports(2),
});

/** The Service `suffix` of the row is at a port of this machine, where gRPC is spoken. */
export function sliceOf(row: FeatureContext, suffix: string, port: number): object {
  const { name: service } = row.named(suffix);
  return endpointSlice(row.named(suffix), { service, portName: "grpc", address: "127.0.0.1", port });
}
