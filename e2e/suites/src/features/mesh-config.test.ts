import { featureSuite } from "./feature-suite.ts";
import { meshConfigMesh, meshConfigRows } from "./mesh-config.rows.ts";

featureSuite("Settings of the mesh", meshConfigMesh, meshConfigRows);
