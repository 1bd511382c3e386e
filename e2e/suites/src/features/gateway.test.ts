import { featureSuite } from "./feature-suite.ts";
import { gatewayRows } from "./gateway.rows.ts";
import { backend } from "./gateway-tls-material.ts";

/** The programs of reviews answer TLS as well as everything else; `mesh-edge` has a certificate of the mesh. */
const workloads = [
  { app: "frontend", mutualTls: false },
  ...["v1", "v2", "v3"].map((version) => ({ app: "reviews", version, bare: true, tls: backend })),
];
const gateways = [
  { name: "edge", labels: { istio: "edge" } },
  { name: "mesh-edge", labels: { istio: "mesh-edge" }, agent: true },
] as const;

featureSuite("Gateway", { workloads, gateways }, gatewayRows);
