import { featureSuite } from "./feature-suite.ts";
import { proxyConfigMesh, proxyConfigRows } from "./proxy-config.rows.ts";

featureSuite("proxy-config", proxyConfigMesh, proxyConfigRows);
