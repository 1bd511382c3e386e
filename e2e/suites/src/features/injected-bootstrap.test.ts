import { featureSuite } from "./feature-suite.ts";
import { injectedBootstrapRows } from "./injected-bootstrap.rows.ts";

featureSuite("what Envoys are started with", { gateways: [] }, injectedBootstrapRows);
