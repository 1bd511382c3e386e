import { connectionRouteRows } from "./connection-routes.rows.ts";
import { featureSuite } from "./feature-suite.ts";
import { backend } from "./gateway-tls-material.ts";

/** One sidecar, because all of them would listen at the services' addresses; programs that answer TLS, too. */
const workloads = [
  { app: "frontend", mutualTls: false },
  ...["v1", "v2", "v3"].map((version) => ({ app: "reviews", version, bare: true, tls: backend })),
];
const env = { PILOT_ENABLE_REDIS_FILTER: "true", PILOT_ENABLE_MYSQL_FILTER: "true" };

featureSuite("VirtualService tcp and tls", { workloads, env }, connectionRouteRows);
