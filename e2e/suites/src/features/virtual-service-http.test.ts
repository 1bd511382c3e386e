import { featureSuite } from "./feature-suite.ts";
import { virtualServiceHttpRows } from "./virtual-service-http.rows.ts";

/** Callers that differ in labels and namespace, each behind an Envoy of its own; v1 of reviews is near to them. */
const workloads = [
  { app: "frontend", mutualTls: false, locality: "region-1/zone" },
  { app: "frontend", version: "v2", mutualTls: false },
  { app: "client", namespace: "team-b", mutualTls: false },
  ...["v1", "v2", "v3"].map((version) => ({
    ...{ app: "reviews", version, bare: true },
    locality: version === "v1" ? "region-1/zone" : "region-2/zone",
  })),
];

featureSuite("VirtualService http", { workloads }, virtualServiceHttpRows);
