import { featureSuite } from "./feature-suite.ts";
import { networkRows, networksMesh } from "./networks.rows.ts";

featureSuite("Networks", networksMesh, networkRows);
