import { featureSuite } from "./feature-suite.ts";
import { workloadGroupProbeRows } from "./workload-group-probes.rows.ts";

featureSuite(
  "Probes of a WorkloadGroup",
  { workloads: [{ app: "frontend", mutualTls: false }], gateways: [] },
  workloadGroupProbeRows,
);
