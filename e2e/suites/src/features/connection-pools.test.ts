import { connectionPoolRows } from "./connection-pools.rows.ts";
import { featureSuite } from "./feature-suite.ts";

featureSuite("Connection pools", {}, connectionPoolRows);
