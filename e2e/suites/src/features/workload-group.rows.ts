import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { serviceEntry } from "@lateen/e2e-harness";
import type { Feature, FeatureContext } from "./feature.ts";
import { workloadEntry } from "./workload-manifests.ts";

/** The WorkloadGroup that the agent beside `app` names. */
function groupOf(row: FeatureContext, app: string, spec: object): object {
  const { agentEnv, namespace } = row.workload(app);
  const name = agentEnv["ISTIO_META_AUTO_REGISTER_GROUP"];
  return { apiVersion: "networking.istio.io/v1", kind: "WorkloadGroup", metadata: { namespace, name }, spec };
}

function entryOver(row: FeatureContext, labels: object, more: object = {}): object {
  return serviceEntry(row.named(), {
    hosts: [row.publicHost],
    ports: [{ number: row.port, name: "http", protocol: "HTTP" }],
    resolution: "STATIC",
    location: "MESH_INTERNAL",
    workloadSelector: { labels },
    ...more,
  });
}

export const workloadGroupRows: readonly Feature[] = [
  {
    name: "a proxy that names a group becomes a workload of it",
    service: false,
    fields: [
      "WorkloadGroup.template.ports",
      "WorkloadGroup.template.labels",
      "WorkloadGroup.metadata.labels",
      "WorkloadGroup.metadata.annotations",
      "WorkloadEntry.serviceAccount",
    ],
    manifests: (row) => [
      groupOf(row, "vm", {
        metadata: { labels: { group: "vms" }, annotations: { owner: "tests" } },
        template: {
          serviceAccount: row.workload("vm").serviceAccount,
          labels: { place: "outside" },
          ports: { http: row.workload("vm").port },
        },
      }),
      // Its own label, the group's and the template's: no pod has all of them.
      entryOver(row, { app: "vm", group: "vms", place: "outside" }),
    ],
    check: (row) => row.eventually(async () => assert.equal((await row.answer({ host: row.publicHost })).app, "vm")),
  },
  {
    name: "a registered workload gets traffic while its probe says it is well",
    service: false,
    fields: ["WorkloadGroup.probe.exec.command", "MeshConfig.defaultConfig.readinessProbe.exec.command"],
    manifests: (row) => [
      groupOf(row, "checked", {
        metadata: { labels: { group: "checked" } },
        template: { ports: { http: row.workload("checked").port } },
        probe: { exec: { command: ["test", "-e", row.workload("checked").agentEnv["HEALTH_FILE"]] } },
      }),
      entryOver(row, { group: "checked" }),
    ],
    check: async (row) => {
      const file = row.workload("checked").agentEnv["HEALTH_FILE"] ?? "";
      const status = async (): Promise<number> => (await row.ask({ host: row.publicHost })).status;
      await row.eventually(async () => assert.equal(await status(), 503));
      await writeFile(file, "");
      await row.eventually(async () => assert.equal(await status(), 200));
      await rm(file);
      await row.eventually(async () => assert.equal(await status(), 503));
    },
  },
  {
    name: "a proxy that names its WorkloadEntry says there how it is",
    service: false,
    fields: ["WorkloadEntry.address"],
    manifests: (row) => {
      const { address, port, namespace, agentEnv, serviceAccount } = row.workload("named");
      const at = { namespace, name: agentEnv["ISTIO_META_WORKLOAD_ENTRY"] ?? "" };
      const spec = { address, ports: { http: port }, labels: { entry: "named" }, serviceAccount };
      return [workloadEntry(at, spec, false), entryOver(row, { entry: "named" })];
    },
    check: async (row) => {
      const file = row.workload("named").agentEnv["HEALTH_FILE"] ?? "";
      const status = async (): Promise<number> => (await row.ask({ host: row.publicHost })).status;
      await row.eventually(async () => assert.equal(await status(), 503));
      await writeFile(file, "");
      await row.eventually(async () => assert.equal(await status(), 200));
      await rm(file);
      await row.eventually(async () => assert.equal(await status(), 503));
    },
  },
];
