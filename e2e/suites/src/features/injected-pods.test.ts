import { featureSuite } from "./feature-suite.ts";
import { injectedPodRows } from "./injected-pods.rows.ts";

featureSuite("pods that were injected", { gateways: [] }, injectedPodRows);
