import { externalAuthorizerRows } from "./external-authorizers.rows.ts";
import { featureSuite } from "./feature-suite.ts";

featureSuite("external authorizers", {}, externalAuthorizerRows);
