import { featureSuite } from "./feature-suite.ts";
import { virtualServiceHttpRows } from "./virtual-service-http.rows.ts";

featureSuite("VirtualService http", {}, virtualServiceHttpRows);
