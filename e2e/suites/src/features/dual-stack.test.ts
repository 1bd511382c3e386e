import { dualStackRows } from "./dual-stack.rows.ts";
import { featureSuite } from "./feature-suite.ts";

// No sidecar but the row's own: it binds the Services' addresses.
featureSuite(
  "two address families",
  { workloads: [{ app: "reviews", bare: true }], gateways: [], env: { ISTIO_DUAL_STACK: "true" } },
  dualStackRows,
);
