import { dynamicDnsRows } from "./dynamic-dns.rows.ts";
import { featureSuite } from "./feature-suite.ts";

featureSuite("hosts that are looked up as requests name them", {}, dynamicDnsRows);
