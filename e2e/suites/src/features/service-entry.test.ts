import { featureSuite } from "./feature-suite.ts";
import { serviceEntryRows } from "./service-entry.rows.ts";

featureSuite("ServiceEntry and WorkloadEntry", {}, serviceEntryRows);
