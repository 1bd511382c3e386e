import { featureSuite } from "./feature-suite.ts";
import { outlierDetectionRows } from "./outlier-detection.rows.ts";

featureSuite("Outlier detection", {}, outlierDetectionRows);
