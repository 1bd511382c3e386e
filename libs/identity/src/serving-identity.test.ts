import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import {
  createKeyAndCsr,
  createRootCa,
  issueWorkloadCertificate,
  openCertificateAuthority,
  verifyChain,
} from "@lateen/pki";
import { IstioCertificateResponseSchema, IstioCertificateService } from "@lateen/protos/security/v1alpha1/ca_pb.js";
import { RpcCode, RpcError, TlsSource, createGrpcServer, defineService } from "@lateen/rpc";
import { createServingIdentity } from "./index.ts";

test("a serving identity is not ready, and says why, until the CA accepts its token; then its source has a certificate", async (context) => {
  const authority = await openCertificateAuthority(await createRootCa({ organization: "cluster.local" }));
  const { rootsPem } = authority.material;
  const identity = { trustDomain: "cluster.local", namespace: "istio-system", serviceAccount: "lateen-injector" };
  const { csrPem, privateKeyPem } = await createKeyAndCsr();
  const own = await issueWorkloadCertificate(authority, {
    csrPem,
    identity,
    ipAddresses: ["127.0.0.1"],
    dnsNames: ["localhost"],
    ttlSeconds: 60,
  });
  const service = defineService(IstioCertificateService, {
    createCertificate: async (request, call) => {
      if (call.metadata.get("authorization") !== "Bearer good")
        throw new RpcError(RpcCode.UNAUTHENTICATED, "token is unknown");
      const { chain } = await issueWorkloadCertificate(authority, {
        csrPem: request.csr,
        identity,
        ttlSeconds: Number(request.validityDuration),
      });
      return create(IstioCertificateResponseSchema, { certChain: [...chain] });
    },
  });
  const server = createGrpcServer({ services: [service] });
  context.after(() => server.close(100));
  const { port } = await server.listen({
    address: "127.0.0.1:0",
    tls: new TlsSource({ certificateChainPem: own.chain[0] ?? "", privateKeyPem, rootsPem }),
  });
  const folder = await mkdtemp(join(tmpdir(), "lateen-identity-"));
  context.after(() => rm(folder, { recursive: true, force: true }));
  const [rootFile, tokenFile] = [join(folder, "root.pem"), join(folder, "token")];
  await writeFile(rootFile, rootsPem);
  const serving = createServingIdentity({
    caAddress: `localhost:${port}`,
    rootFile,
    tokenFile,
    trustDomain: "cluster.local",
    logger: { info: () => {}, warn: () => {} },
  });
  const check = () => serving.checks[0]?.check();
  assert.deepEqual(check(), { ready: false, detail: "waiting for a certificate from citadel" });
  const stop = new AbortController();
  context.after(() => stop.abort());
  const running = serving.run(stop.signal);
  await until(() => /ENOENT/.test(check()?.detail ?? ""), "the missing token is named");
  await writeFile(tokenFile, "bad\n");
  await until(() => /token is unknown/.test(check()?.detail ?? ""), "the refusal is named");
  await writeFile(tokenFile, "good\n");
  await until(() => check()?.ready === true, "ready");
  assert.ok(verifyChain(serving.tls.current?.certificateChainPem ?? "", rootsPem).valid);
  stop.abort();
  await running;
});

async function until(condition: () => boolean, what: string): Promise<void> {
  for (const deadline = Date.now() + 60_000; !condition(); await sleep(10)) {
    if (Date.now() > deadline) throw new Error(`not within a minute: ${what}`);
  }
}
