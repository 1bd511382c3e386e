import { destinationRuleRows } from "./destination-rule.rows.ts";
import { featureSuite } from "./feature-suite.ts";

const reviews = ["v1", "v2", "v3"].map((version) => ({ app: "reviews", version, bare: true }));

featureSuite(
  "DestinationRule",
  {
    workloads: [
      { app: "frontend", mutualTls: false },
      ...reviews,
      { app: "neighbour", mutualTls: false },
      { app: "visitor", namespace: "elsewhere", mutualTls: false },
    ],
  },
  destinationRuleRows,
);
