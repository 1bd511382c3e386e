import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { X509Certificate, createPrivateKey, generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  PkiError,
  certificateMatchesKey,
  createKeyAndCsr,
  createRootCa,
  issueWorkloadCertificate,
  joinPem,
  openCertificateAuthority,
  parseCertificate,
  renewRootCa,
  rotationMoment,
  signRevocationList,
  verifyChain,
} from "./index.ts";
import { loadX509 } from "./x509.ts";

const identity = { trustDomain: "cluster.local", namespace: "default", serviceAccount: "reviews" };
const id = "spiffe://cluster.local/ns/default/sa/reviews";

async function newAuthority(ttlSeconds?: number) {
  return openCertificateAuthority(
    await createRootCa({ organization: "cluster.local", ...(ttlSeconds ? { ttlSeconds } : {}) }),
  );
}

function openssl(...args: readonly string[]): string {
  return execFileSync("openssl", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

function inFolder(body: (file: (name: string, content: string) => string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "lateen-pki-"));
  try {
    body((name, content) => {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("an issued chain verifies, and carries the caller's identity only", async () => {
  const authority = await newAuthority();
  const { csrPem, privateKeyPem } = await createKeyAndCsr({ uris: ["spiffe://cluster.local/ns/kube-system/sa/admin"] });
  const issued = await issueWorkloadCertificate(authority, {
    csrPem,
    identity,
    dnsNames: ["a.b.svc"],
    ipAddresses: ["127.0.0.1"],
    ttlSeconds: 3600,
  });
  const verdict = verifyChain(issued.chain.join(""), authority.material.rootsPem);
  assert.ok(verdict.valid);
  assert.deepEqual(verdict.leaf.uris, [id]);
  assert.deepEqual(verdict.leaf.dnsNames, ["a.b.svc"]);
  assert.deepEqual(verdict.leaf.ipAddresses, ["127.0.0.1"]);
  assert.equal(verdict.leaf.isCa, false);
  assert.ok(certificateMatchesKey(issued.chain[0] ?? "", privateKeyPem));
});

test("a leaf is backdated two minutes and never outlives its CA", async () => {
  const authority = await newAuthority(600);
  const { csrPem } = await createKeyAndCsr();
  const nowMs = Math.floor(Date.now() / 1000) * 1000;
  const issued = await issueWorkloadCertificate(authority, { csrPem, identity, ttlSeconds: 86_400, nowMs });
  const leaf = parseCertificate(issued.chain[0] ?? "");
  assert.equal(leaf.notBeforeMs, nowMs - 120_000);
  assert.equal(leaf.notAfterMs, authority.certificate.notAfterMs);
});

test("openssl reads the request and verifies the chain for server and client", async () => {
  const authority = await newAuthority();
  const { csrPem } = await createKeyAndCsr({ uris: [id], dnsNames: ["reviews.default.svc"] });
  const issued = await issueWorkloadCertificate(authority, { csrPem, identity, ttlSeconds: 3600 });
  inFolder((file) => {
    const csrText = openssl("req", "-in", file("csr.pem", csrPem), "-noout", "-text", "-verify");
    assert.match(csrText, new RegExp(`URI:${id}, DNS:reviews.default.svc`));
    const leaf = file("leaf.pem", issued.chain[0] ?? "");
    for (const purpose of ["sslserver", "sslclient"]) {
      assert.match(
        openssl(
          "verify",
          "-x509_strict",
          "-purpose",
          purpose,
          "-CAfile",
          file("root.pem", authority.material.rootsPem),
          leaf,
        ),
        /OK/,
      );
    }
    const text = openssl("x509", "-in", leaf, "-noout", "-text");
    assert.match(text, /Subject Alternative Name: critical\s+URI:spiffe/);
    assert.match(text, /Key Usage: critical\s+Digital Signature, Key Encipherment/);
    assert.match(text, /CA:FALSE/);
  });
});

test("requests and CA keys made by openssl are accepted: RSA in PKCS #1, P-384 in SEC 1", async () => {
  for (const algorithm of ["rsa", "ec"] as const) {
    const { privateKey } =
      algorithm === "rsa"
        ? generateKeyPairSync("rsa", { modulusLength: 2048 })
        : generateKeyPairSync("ec", { namedCurve: "P-384" });
    const keyPem = privateKey.export({ type: algorithm === "rsa" ? "pkcs1" : "sec1", format: "pem" }).toString();
    let certificatePem = "";
    let csrPem = "";
    inFolder((file) => {
      const key = file("key.pem", keyPem);
      certificatePem = openssl("req", "-x509", "-new", "-key", key, "-subj", "/O=plugged", "-days", "10");
      csrPem = openssl("req", "-new", "-key", key, "-subj", "/CN=ignored");
    });
    const authority = await openCertificateAuthority({
      certificatePem,
      privateKeyPem: keyPem,
      intermediatesPem: "",
      rootsPem: certificatePem,
    });
    const issued = await issueWorkloadCertificate(authority, { csrPem, identity, ttlSeconds: 3600 });
    assert.ok(verifyChain(issued.chain.join(""), certificatePem).valid);
    const renewed = await openCertificateAuthority(await renewRootCa(authority.material, { organization: "plugged" }));
    assert.ok(
      verifyChain(issued.chain[0] ?? "", renewed.material.rootsPem).valid,
      "renewing a root keeps what it signed valid",
    );
  }
});

test("an intermediate CA answers leaf, intermediate, root", async () => {
  let intermediate = { certificatePem: "", privateKeyPem: "", intermediatesPem: "", rootsPem: "" };
  inFolder((file) => {
    const ecKey = () =>
      generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const rootKey = file("root-key.pem", ecKey());
    const privateKeyPem = ecKey();
    const rootsPem = openssl("req", "-x509", "-new", "-key", rootKey, "-subj", "/O=Root", "-days", "10");
    const csr = file(
      "ca.csr",
      openssl("req", "-new", "-key", file("ca-key.pem", privateKeyPem), "-subj", "/O=Intermediate"),
    );
    const extensions = file("ext", "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n");
    const certificatePem = openssl(
      "x509",
      "-req",
      "-in",
      csr,
      "-CA",
      file("root.pem", rootsPem),
      "-CAkey",
      rootKey,
      "-days",
      "5",
      "-extfile",
      extensions,
    );
    intermediate = { certificatePem, privateKeyPem, intermediatesPem: joinPem(certificatePem, rootsPem), rootsPem };
  });
  const authority = await openCertificateAuthority(intermediate);
  const { csrPem } = await createKeyAndCsr();
  const issued = await issueWorkloadCertificate(authority, { csrPem, identity, ttlSeconds: 3600 });
  assert.deepEqual(issued.chain.slice(1), [intermediate.certificatePem, intermediate.rootsPem]);
  assert.ok(verifyChain(issued.chain.slice(0, 2).join(""), intermediate.rootsPem).valid);
  const withoutIntermediate = verifyChain(issued.chain[0] ?? "", intermediate.rootsPem);
  assert.match(
    withoutIntermediate.valid ? "" : withoutIntermediate.reason,
    /no trusted root issued certificate spiffe:/,
  );
});

const refusedRequests = [
  { name: "garbage", csr: async () => "not a request", message: /not a PEM PKCS #10/ },
  { name: "a tampered signature", csr: tamperedRequest, message: /not signed with its own key|not supported/ },
  { name: "a short RSA key", csr: async () => opensslRequest("rsa:1024"), message: /2048 bits/ },
];
for (const { name, csr, message } of refusedRequests) {
  test(`a request with ${name} is refused`, async () => {
    const authority = await newAuthority();
    await assert.rejects(
      issueWorkloadCertificate(authority, { csrPem: await csr(), identity, ttlSeconds: 60 }),
      (error: unknown) => error instanceof PkiError && error.code === "request-invalid" && message.test(error.message),
    );
  });
}

async function tamperedRequest(): Promise<string> {
  const { csrPem } = await createKeyAndCsr({ uris: ["spiffe://cluster.local/ns/a/sa/b"] });
  const der = Buffer.from(csrPem.replaceAll(/-----.*-----|\n/g, ""), "base64");
  const at = der.indexOf("/sa/b") + 4;
  der[at] = (der[at] ?? 0) ^ 1;
  return `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString("base64")}\n-----END CERTIFICATE REQUEST-----\n`;
}

function opensslRequest(key: string): string {
  let pem = "";
  inFolder((file) => {
    pem = openssl("req", "-new", "-newkey", key, "-nodes", "-keyout", file("key.pem", ""), "-subj", "/CN=x");
  });
  return pem;
}

test("a CA whose parts do not belong together does not open", async () => {
  const [one, other] = [await createRootCa({ organization: "a" }), await createRootCa({ organization: "a" })];
  await assert.rejects(openCertificateAuthority({ ...one, privateKeyPem: other.privateKeyPem }), /does not belong/);
  await assert.rejects(openCertificateAuthority({ ...one, rootsPem: other.rootsPem }), /does not lead to its root/);
  await assert.rejects(openCertificateAuthority({ ...one, privateKeyPem: "x" }), /cannot be read/);
});

test("an expired CA says so instead of signing", async () => {
  const material = await createRootCa({ organization: "a", ttlSeconds: 60, nowMs: Date.now() - 3_600_000 });
  const { csrPem } = await createKeyAndCsr();
  await assert.rejects(
    issueWorkloadCertificate(await openCertificateAuthority(material), { csrPem, identity, ttlSeconds: 60 }),
    (error: unknown) => error instanceof PkiError && error.code === "authority-expired",
  );
});

test("verifyChain refuses another root, an expired leaf and a leaf posing as CA", async () => {
  const [authority, stranger] = [await newAuthority(), await newAuthority()];
  const { csrPem, privateKeyPem } = await createKeyAndCsr();
  const { chain } = await issueWorkloadCertificate(authority, { csrPem, identity, ttlSeconds: 60 });
  assert.equal(verifyChain(chain.join(""), stranger.material.rootsPem).valid, false);
  assert.equal(verifyChain(chain.join(""), authority.material.rootsPem, Date.now() + 120_000).valid, false);
  assert.equal(verifyChain("", authority.material.rootsPem).valid, false);
  await assert.rejects(
    openCertificateAuthority({
      certificatePem: chain[0] ?? "",
      privateKeyPem,
      intermediatesPem: "",
      rootsPem: chain[0] ?? "",
    }),
    /not a CA/,
  );
});

test("what is made loads in node:crypto", async () => {
  const material = await createRootCa({ organization: "cluster.local" });
  const certificate = new X509Certificate(material.certificatePem);
  assert.ok(certificate.verify(certificate.publicKey));
  assert.ok(certificate.checkPrivateKey(createPrivateKey(material.privateKeyPem)));
  assert.ok(Date.parse(certificate.validTo) > Date.now() + 9.9 * 365 * 86_400_000);
});

test("the rotation moment is half-way, moved by the jitter, within bounds", () => {
  const certificate = { issuedAtMs: 1000, notAfterMs: 11_000 };
  assert.equal(rotationMoment(certificate, 0), 6000);
  assert.equal(rotationMoment(certificate, 0.01), 6100);
  assert.equal(rotationMoment(certificate, -0.01), 5900);
  assert.equal(rotationMoment(certificate, 5), 10_000);
  assert.equal(rotationMoment({ issuedAtMs: 1000, notAfterMs: 500 }, 0), 1000);
});

test("a revocation list names what it revokes", async () => {
  const authority = await openCertificateAuthority(await createRootCa({ organization: "lists" }));
  const pem = await signRevocationList(authority, { serialNumbers: ["0a0b"] });
  const { X509Crl } = await loadX509();
  const list = new X509Crl(pem);
  assert.equal(list.findRevoked("0a0b")?.serialNumber, "0a0b");
  assert.equal(list.findRevoked("0c"), null);
  assert.equal(list.issuer, "O=lists");
});
