import { featureSuite } from "./feature-suite.ts";
import { tracingMesh, tracingRows } from "./tracing.rows.ts";

featureSuite("tracing", tracingMesh, tracingRows);
