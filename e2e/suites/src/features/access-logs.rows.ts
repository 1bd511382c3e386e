import assert from "node:assert/strict";
import { accessLogCollectorRows } from "./access-log-collectors.rows.ts";
import { accessLogFileRows, pathOf, written } from "./access-log-files.rows.ts";
import { accessLogServiceRows } from "./access-log-service.rows.ts";
import type { Feature, FeatureContext, FeatureMeshSpec } from "./feature.ts";
import { credential, pairOf, secret, server } from "./gateway-tls-material.ts";

/** Requests go through two proxies, or through the gateway. */
export const accessLogsMesh: FeatureMeshSpec = {
  workloads: [
    { app: "frontend", mutualTls: false },
    { app: "reviews", mutualTls: false },
  ],
};

/** A gateway that serves TLS for one name, and a mesh that logs to a file. */
const listening = (more: object): Pick<Feature, "alone" | "meshConfig" | "manifests"> => ({
  alone: true,
  meshConfig: (row) => ({
    ...{ accessLogFile: pathOf(row), accessLogFormat: "own %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%" },
    ...more,
  }),
  manifests: (row) => [
    secret(row, pairOf(server)),
    row.gateway({
      selector: { istio: "edge" },
      servers: [
        {
          port: { number: row.ports(0), name: "https", protocol: "HTTPS" },
          hosts: [row.publicHost],
          tls: { mode: "SIMPLE", credentialName: credential(row) },
        },
      ],
    }),
    row.virtualService({
      ...{ hosts: [row.publicHost], gateways: [row.named().name] },
      http: [{ route: [row.to()] }],
    }),
  ],
});

const stray = (row: FeatureContext): Promise<unknown> =>
  row.probeTls({ port: row.ports(0), serverName: "stray.example.org" });
const expected = (row: FeatureContext): Promise<unknown> =>
  row.probeTls({ port: row.ports(0), serverName: row.publicHost });

const listenerRows: readonly Feature[] = [
  {
    name: "a connection that no filter chain takes is logged by its listener",
    fields: ["MeshConfig.accessLogFile", "MeshConfig.disableEnvoyListenerLog"],
    ...listening({}),
    check: async (row) => {
      await row.eventually(() => expected(row));
      await assert.rejects(() => stray(row));
      await row.eventually(async () => assert.match(written(row), /^own NR filter_chain_not_found$/m));
    },
  },
  {
    name: "listeners of a mesh that wants no logs of theirs leave such connections out",
    fields: ["MeshConfig.disableEnvoyListenerLog"],
    ...listening({ disableEnvoyListenerLog: true }),
    check: async (row) => {
      await row.eventually(() => expected(row));
      await assert.rejects(() => stray(row));
      const before = written(row).length;
      // What comes later stands later in the file.
      await row.eventually(async () => {
        await expected(row);
        assert.match(written(row).slice(before), /^own - via_upstream$/m);
      });
      assert.doesNotMatch(written(row), /NR/);
    },
  },
];

/** What proxies write of requests and connections, and where. */
export const accessLogRows: readonly Feature[] = [
  ...accessLogFileRows,
  ...accessLogCollectorRows,
  ...listenerRows,
  ...accessLogServiceRows,
];
