import { featureSuite } from "./feature-suite.ts";
import { serviceRows } from "./services.rows.ts";

featureSuite("Services", {}, serviceRows);
