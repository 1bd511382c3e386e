import { accessLogRows, accessLogsMesh } from "./access-logs.rows.ts";
import { featureSuite } from "./feature-suite.ts";

featureSuite("access logs", accessLogsMesh, accessLogRows);
