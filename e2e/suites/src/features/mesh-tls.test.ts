import { featureSuite } from "./feature-suite.ts";
import { meshTlsRows } from "./mesh-tls.rows.ts";

featureSuite("Mutual TLS of the mesh", { workloads: [{ app: "frontend" }, { app: "reviews" }] }, meshTlsRows);
