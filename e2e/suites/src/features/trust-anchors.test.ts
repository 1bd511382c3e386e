import { featureSuite } from "./feature-suite.ts";
import { trustAnchorsMesh, trustAnchorsRows } from "./trust-anchors.rows.ts";

featureSuite("Further authorities", trustAnchorsMesh, trustAnchorsRows);
