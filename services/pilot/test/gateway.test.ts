import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "node:tls";
import { createTestAuthority } from "@lateen/rpc/testing";
import { Latest } from "../src/mesh/latest.ts";
import type { GatewaySecret } from "../src/index.ts";
import { eventually } from "../src/testing/eventually.ts";
import { createTestMesh } from "../src/testing/mesh.ts";
import { startPilot } from "../src/testing/running-pilot.ts";
import { startEnvoy } from "./envoy-process.ts";
import { freePorts } from "./free-ports.ts";

const host = "shop.example";
const node = {
  id: "router~127.0.0.1~edge-0.shop~shop.svc.cluster.local",
  metadata: { NAMESPACE: "shop", CLUSTER_ID: "Kubernetes", ISTIO_VERSION: "1.31.0", LABELS: { istio: "edge" } },
};
const missing: GatewaySecret = {
  found: false,
  certificateChainPem: new Uint8Array(),
  privateKeyPem: new Uint8Array(),
  caCertificatesPem: new Uint8Array(),
  problem: "",
};

/** The serial number of the certificate that is served; undefined while there is none. */
async function servedSerial(port: number): Promise<string | undefined> {
  const socket = connect({ host: "127.0.0.1", port, servername: host, rejectUnauthorized: false });
  try {
    await once(socket, "secureConnect");
    return new X509Certificate(socket.getPeerCertificate().raw).serialNumber;
  } catch {
    return undefined;
  } finally {
    socket.destroy();
  }
}

for (const protocol of ["GRPC", "DELTA_GRPC"] as const) {
  test(`${protocol}: a gateway's certificate comes over ADS, late, and is rotated`, { timeout: 300_000 }, async () => {
    const authority = await createTestAuthority("public");
    const issue = async (): Promise<GatewaySecret & { serial: string }> => {
      const { certificateChainPem, privateKeyPem } = await authority.issue([{ type: "dns", value: host }]);
      return {
        found: true,
        problem: "",
        serial: new X509Certificate(certificateChainPem).serialNumber,
        caCertificatesPem: new Uint8Array(),
        certificateChainPem: Buffer.from(certificateChainPem),
        privateKeyPem: Buffer.from(privateKeyPem),
      };
    };
    const secret = new Latest<GatewaySecret>();
    secret.set(missing);
    const [port = 0] = await freePorts(1);
    const mesh = createTestMesh();
    await using pilot = await startPilot({
      mesh,
      allowPlaintextSecretsFromLoopback: true,
      secrets: (_request, signal) => secret.watch(signal),
    });
    await mesh.service({ name: "orders", pods: ["127.0.0.1"] });
    await mesh.apply(`
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: edge, namespace: shop }
spec:
  selector: { istio: edge }
  servers:
  - { port: { number: ${port}, name: https, protocol: HTTPS }, hosts: [${host}], tls: { mode: SIMPLE, credentialName: web } }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: edge, namespace: shop }
spec: { hosts: [${host}], gateways: [edge], http: [{ route: [{ destination: { host: orders } }] }] }
`);
    await using envoy = await startEnvoy({ node, xdsPort: pilot.port, protocol });
    await eventually("the gateway asks for its secret", () =>
      pilot.pilot.status().proxies[0]?.types.some(({ typeUrl }) => typeUrl.endsWith("Secret")),
    );
    assert.equal(await servedSerial(port), undefined);
    const first = await issue();
    secret.set(first);
    await eventually("the certificate is served", async () => (await servedSerial(port)) === first.serial);
    const second = await issue();
    secret.set(second);
    await eventually("the new certificate is served", async () => (await servedSerial(port)) === second.serial);
    secret.set(missing);
    await sleep(200);
    assert.equal(await servedSerial(port), second.serial, "a secret that is deleted serves on until another comes");
    const third = await issue();
    secret.set(third);
    await eventually("the next certificate is served", async () => (await servedSerial(port)) === third.serial);
    assert.deepEqual(pilot.pilot.status().rejections, []);
    for (const api of ["cluster_manager.cds", "listener_manager.lds"])
      assert.equal(await envoy.stat(`${api}.update_rejected`), 0, envoy.log());
  });
}
