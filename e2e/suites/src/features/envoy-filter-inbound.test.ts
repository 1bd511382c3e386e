import { envoyFilterInboundRows } from "./envoy-filter-inbound.rows.ts";
import { featureSuite } from "./feature-suite.ts";

featureSuite(
  "EnvoyFilter, calls that come in",
  { workloads: [{ app: "frontend" }, { app: "reviews" }], gateways: [] },
  envoyFilterInboundRows,
);
