import { featureSuite } from "./feature-suite.ts";
import { ingressMesh } from "./ingress-gateways.ts";
import { ingressRows } from "./ingress.rows.ts";

featureSuite("Ingress", ingressMesh, ingressRows);
