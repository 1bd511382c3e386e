import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { FakeResolver, freePort } from "@lateen/e2e-harness";
import { dnsRows, outside, searchDomains } from "./dns.rows.ts";
import { featureSuite } from "./feature-suite.ts";

const resolver = await FakeResolver.start({ [outside.name]: outside.address });
const folder = await mkdtemp(join(tmpdir(), "lateen-dns-"));
after(async () => {
  await resolver[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});
const resolvConf = join(folder, "resolv.conf");
await writeFile(resolvConf, `search ${searchDomains.join(" ")}\nnameserver 127.0.0.1\n`);

const agentEnv = {
  ISTIO_META_DNS_CAPTURE: "true",
  DNS_PROXY_ADDR: `127.0.0.1:${await freePort()}`,
  DNS_UPSTREAMS: resolver.address,
  RESOLV_CONF: resolvConf,
};

featureSuite(
  "the agent's DNS proxy",
  {
    workloads: [
      { app: "frontend", agentEnv },
      ...["v1", "v2", "v3"].map((version) => ({ app: "reviews", version, bare: true })),
    ],
    gateways: [],
  },
  dnsRows,
);
