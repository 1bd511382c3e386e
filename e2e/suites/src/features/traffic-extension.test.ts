import { featureSuite } from "./feature-suite.ts";
import { trafficExtensionRows } from "./traffic-extension.rows.ts";

featureSuite("TrafficExtension", {}, trafficExtensionRows);
