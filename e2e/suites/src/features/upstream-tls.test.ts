import { featureSuite } from "./feature-suite.ts";
import { upstreamTlsRows, upstreamTlsWorkloads } from "./upstream-tls.rows.ts";

featureSuite("TLS that proxies originate", { workloads: upstreamTlsWorkloads }, upstreamTlsRows);
