import { featureSuite } from "./feature-suite.ts";
import { proxiesMesh, proxiesRows } from "./proxies.rows.ts";

featureSuite("proxies", proxiesMesh, proxiesRows);
