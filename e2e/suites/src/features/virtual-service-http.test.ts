import { featureSuite } from "./feature-suite.ts";
import { virtualServiceHttpRows } from "./virtual-service-http.rows.ts";

/** Callers that differ in labels and namespace, each behind an Envoy of its own. */
const workloads = [
  { app: "frontend", mutualTls: false },
  { app: "frontend", version: "v2", mutualTls: false },
  { app: "client", namespace: "team-b", mutualTls: false },
  ...["v1", "v2", "v3"].map((version) => ({ app: "reviews", version, bare: true })),
];

featureSuite("VirtualService http", { workloads }, virtualServiceHttpRows);
