import assert from "node:assert/strict";
import { serviceEntry } from "@lateen/e2e-harness";
import type { Feature, FeatureContext } from "./feature.ts";
import { at, policy, versions } from "./traffic-policy-parts.ts";

const tls = "DestinationRule.trafficPolicy.tls";

/** The identity that the server's sidecar saw. */
async function caller(row: FeatureContext, suffix: string): Promise<string> {
  return String((await row.answer(at(row, suffix))).headers["x-forwarded-client-cert"] ?? "");
}

/** Between workloads that have agents. */
export const meshTlsRows: readonly Feature[] = [
  {
    name: "mutual TLS of the mesh is by itself, on demand, or off",
    fields: [`${tls}.mode`],
    service: false,
    manifests: (row) => [
      ...["auto", "asked", "off"].flatMap((suffix) => row.service({ suffix, to: versions(row, "v1") })),
      policy(row, { tls: { mode: "ISTIO_MUTUAL" } }, "asked"),
      policy(row, { tls: { mode: "DISABLE" } }, "off"),
    ],
    check: async (row) => {
      const frontend = /URI=spiffe:\/\/cluster\.local\/ns\/shop\/sa\/frontend/;
      assert.match(await caller(row, "auto"), frontend);
      assert.match(await caller(row, "asked"), frontend);
      assert.equal(await caller(row, "off"), "");
    },
  },
  {
    name: "without enableAutoMtls mutual TLS is spoken where a rule asks for it",
    fields: ["MeshConfig.enableAutoMtls"],
    service: false,
    alone: true,
    meshConfig: () => ({ enableAutoMtls: false }),
    manifests: (row) => [
      ...["silent", "asked"].flatMap((suffix) => row.service({ suffix, to: versions(row, "v1") })),
      policy(row, { tls: { mode: "ISTIO_MUTUAL" } }, "asked"),
    ],
    check: async (row) => {
      assert.equal(await caller(row, "silent"), "");
      assert.match(await caller(row, "asked"), /sa\/frontend/);
    },
  },
  {
    name: "an entry inside the mesh gets mutual TLS where its endpoints can, one outside never",
    fields: ["ServiceEntry.location", "ServiceEntry.endpoints.serviceAccount"],
    service: false,
    manifests: (row) =>
      ["MESH_INTERNAL", "MESH_EXTERNAL"].map((location) => {
        const suffix = location === "MESH_INTERNAL" ? "inside" : "outside";
        const { address, port, serviceAccount } = row.workload("reviews");
        return serviceEntry(row.named(suffix), {
          hosts: [`${suffix}.${row.publicHost}`],
          ports: [{ number: row.port, name: "http", protocol: "HTTP" }],
          resolution: "STATIC",
          location,
          endpoints: [{ address, ports: { http: port }, serviceAccount }],
        });
      }),
    check: async (row) => {
      const seen = async (suffix: string): Promise<string> =>
        String((await row.answer({ host: `${suffix}.${row.publicHost}` })).headers["x-forwarded-client-cert"] ?? "");
      assert.match(await seen("inside"), /sa\/frontend/);
      assert.equal(await seen("outside"), "");
    },
  },
  {
    name: "mutual TLS of the mesh accepts the identities that are named",
    fields: [`${tls}.subjectAltNames`],
    service: false,
    manifests: (row) => [
      ...["right", "wrong"].flatMap((suffix) => row.service({ suffix, to: versions(row, "v1") })),
      policy(row, { tls: { mode: "ISTIO_MUTUAL", subjectAltNames: [row.mesh.identity("reviews")] } }, "right"),
      policy(row, { tls: { mode: "ISTIO_MUTUAL", subjectAltNames: ["spiffe://cluster.local/ns/shop/sa/x"] } }, "wrong"),
    ],
    check: async (row) => {
      assert.notEqual(await caller(row, "right"), "");
      assert.equal((await row.ask(at(row, "wrong"))).status, 503);
    },
  },
];
