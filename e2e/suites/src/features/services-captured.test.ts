import { featureSuite } from "./feature-suite.ts";
import { capturedServiceRows } from "./services-captured.rows.ts";

featureSuite("captured calls to services", {}, capturedServiceRows);
