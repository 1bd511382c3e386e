import { featureSuite } from "./feature-suite.ts";
import { sidecarRows } from "./sidecar.rows.ts";

featureSuite("Sidecar", {}, sidecarRows);
