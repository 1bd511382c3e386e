import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { meshConfig } from "@lateen/e2e-harness";
import { type CaMaterial, createRootCa } from "@lateen/pki";
import { issueClientCertificate, issueServerCertificate, readCa } from "../certificates.ts";
import type { Feature, FeatureContext, FeatureMeshSpec } from "./feature.ts";

const ttlSeconds = 3_600;
const [first, second] = [
  await createRootCa({ organization: "first", ttlSeconds }),
  await createRootCa({ organization: "second", ttlSeconds }),
];
/** Of the server that has a bundle; pilot knows who vouches for it. */
const bundleServer = await issueServerCertificate(["localhost"]);
const bundleServerRoot = join(tmpdir(), `lateen-${process.pid}-bundle-server.pem`);
writeFileSync(bundleServerRoot, bundleServer.rootPem);

export const trustAnchorsMesh: FeatureMeshSpec = {
  workloads: [{ app: "frontend", mutualTls: false }, { app: "secure" }],
  gateways: [],
  env: { NODE_EXTRA_CA_CERTS: bundleServerRoot },
};

const anchors = "MeshConfig.caCertificates";
const domain = "cluster.local";

/** Calls the workload with an agent as one that `ca` vouches for. */
async function call(row: FeatureContext, ca: CaMaterial, trustDomain: string): Promise<void> {
  const { address, port } = row.workload("secure");
  const identity = { trustDomain, namespace: row.namespace, serviceAccount: "frontend" };
  const client = await issueClientCertificate(ca, identity);
  const { received } = await row.probeTls({ address, port, ...client, alpn: ["istio", "istio-http/1.1"] });
  assert.match(received, /^HTTP\/1\.1 200/);
}

async function refused(row: FeatureContext, ca: CaMaterial, trustDomain: string): Promise<void> {
  await assert.rejects(call(row, ca, trustDomain));
}

/** A SPIFFE bundle by HTTPS, until disposed. */
async function serveBundle(port: number, bundle: object): Promise<AsyncDisposable> {
  const { certificate: cert, privateKey: key } = bundleServer;
  const server = createServer({ cert, key }, (_request, response) => response.end(JSON.stringify(bundle)));
  server.listen(port, "localhost");
  await once(server, "listening");
  return {
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

export const trustAnchorsRows: readonly Feature[] = [
  {
    name: "a workload of another CA is let in while its root is listed",
    fields: [`${anchors}.pem`],
    service: false,
    alone: true,
    meshConfig: () => ({ caCertificates: [{ pem: first.rootsPem }] }),
    manifests: () => [],
    check: async (row) => {
      await row.eventually(() => call(row, first, domain));
      await refused(row, second, domain);
      await call(row, await readCa(row.state), domain);
      await row.rewrite([meshConfig("{}")]);
      await row.eventually(() => refused(row, first, domain));
      await call(row, await readCa(row.state), domain);
    },
  },
  {
    name: "a root that is listed for a trust domain vouches for that one only",
    fields: [`${anchors}.trustDomains`],
    service: false,
    alone: true,
    meshConfig: () => ({
      trustDomainAliases: ["old.example"],
      caCertificates: [{ pem: first.rootsPem, trustDomains: ["old.example"] }, { pem: second.rootsPem }],
    }),
    manifests: () => [],
    check: async (row) => {
      await row.eventually(() => call(row, first, "old.example"));
      await refused(row, first, domain);
      const own = await readCa(row.state);
      for (const trustDomain of [domain, "old.example"])
        for (const ca of [second, own]) await row.eventually(() => call(row, ca, trustDomain));
    },
  },
  {
    name: "the roots of a SPIFFE bundle are fetched",
    fields: [`${anchors}.spiffeBundleUrl`],
    service: false,
    alone: true,
    meshConfig: (row) => ({ caCertificates: [{ spiffeBundleUrl: `https://localhost:${row.ports(0)}/bundle` }] }),
    manifests: () => [],
    check: async (row) => {
      await refused(row, first, domain);
      const x5c = [new X509Certificate(first.rootsPem).raw.toString("base64")];
      await using _server = await serveBundle(row.ports(0), { keys: [{ use: "x509-svid", x5c }] });
      await row.eventually(() => call(row, first, domain)); // asked again after 5 s
    },
  },
];
