import { captureRows } from "./capture.rows.ts";
import { featureSuite } from "./feature-suite.ts";

featureSuite("traffic capture", {}, captureRows);
