import { featureSuite } from "./feature-suite.ts";
import { loadBalancingRows } from "./load-balancing.rows.ts";

featureSuite("Load balancing", {}, loadBalancingRows);
