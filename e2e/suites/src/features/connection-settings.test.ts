import { connectionSettingsRows } from "./connection-settings.rows.ts";
import { featureSuite } from "./feature-suite.ts";

featureSuite("connection settings", {}, connectionSettingsRows);
