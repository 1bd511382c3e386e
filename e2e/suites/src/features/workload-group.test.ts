import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { featureSuite } from "./feature-suite.ts";
import { workloadGroupRows } from "./workload-group.rows.ts";

const folder = await mkdtemp(join(tmpdir(), "lateen-health-"));
after(() => rm(folder, { recursive: true }));
const file = join(folder, "healthy");

// As `istioctl x workload entry configure` writes it: the group's probe becomes the agent's.
const readinessProbe = { exec: { command: ["test", "-e", file] }, periodSeconds: 0.2, failureThreshold: 1 };
const checked = {
  ISTIO_META_AUTO_REGISTER_GROUP: "checked-vms",
  PROXY_CONFIG: JSON.stringify({ terminationDrainDuration: "0s", readinessProbe }),
  HEALTH_FILE: file,
};
const namedFile = join(folder, "named-healthy");
const named = {
  ISTIO_META_WORKLOAD_ENTRY: "named-vm",
  PROXY_CONFIG: JSON.stringify({
    terminationDrainDuration: "0s",
    readinessProbe: { ...readinessProbe, exec: { command: ["test", "-e", namedFile] } },
  }),
  HEALTH_FILE: namedFile,
};

featureSuite(
  "WorkloadGroup",
  {
    workloads: [
      { app: "frontend", mutualTls: false },
      { app: "vm", agentEnv: { ISTIO_META_AUTO_REGISTER_GROUP: "vms" } },
      { app: "checked", agentEnv: checked },
      { app: "named", agentEnv: named },
    ],
    gateways: [],
  },
  workloadGroupRows,
);
