import { featureSuite } from "./feature-suite.ts";
import { localityRows, places } from "./locality.rows.ts";
import { readinessRows } from "./readiness.rows.ts";

const reviews = Object.entries(places).map(([version, locality]) => ({
  app: "reviews",
  version,
  locality,
  bare: true,
}));

featureSuite("Localities", { workloads: [{ app: "frontend", mutualTls: false, locality: places.v1 }, ...reviews] }, [
  ...localityRows,
  ...readinessRows,
]);
