import { envoyFilterRows } from "./envoy-filter.rows.ts";
import { featureSuite } from "./feature-suite.ts";

featureSuite("EnvoyFilter", {}, envoyFilterRows);
