import assert from "node:assert/strict";
import { type SampleAnswer, serviceEntry } from "@lateen/e2e-harness";
import { createAuthority } from "../certificates.ts";
import type { Feature, FeatureContext, WorkloadSpec } from "./feature.ts";
import { at, hostOf, noRetries, policy, versions } from "./traffic-policy-parts.ts";

const servers = await createAuthority("servers");
const clients = await createAuthority("clients");
const strangers = await createAuthority("strangers");
const names = ["*.shop.svc.cluster.local", "named.example.com"];
const client = await clients.issue(["client.example.com"], "client");
const revoked = await servers.issue(names, "revoked");
const revocationList = await servers.revoke(revoked);

/** v1 is as it should be, v2 asks for certificates, v3 has a revoked one, v4 one of a CA that nobody trusts. */
export const upstreamTlsWorkloads: readonly WorkloadSpec[] = [
  { app: "frontend", mutualTls: false },
  { app: "reviews", version: "v1", bare: true, tls: await servers.issue(names) },
  { app: "reviews", version: "v2", bare: true, tls: { ...(await servers.issue(names)), clientRoot: clients.rootPem } },
  { app: "reviews", version: "v3", bare: true, tls: revoked },
  { app: "reviews", version: "v4", bare: true, tls: await strangers.issue(names) },
];

const tls = "DestinationRule.trafficPolicy.tls";

function root(row: FeatureContext): string {
  return row.fileWith("root.pem", servers.rootPem);
}

/** A Service over one version, and what is originated towards it. */
function towards(row: FeatureContext, suffix: string, version: string, settings: object): readonly object[] {
  return [
    ...row.service({ suffix, to: versions(row, version) }),
    policy(row, { tls: settings }, suffix),
    noRetries(row, suffix),
  ];
}

async function tlsOf(row: FeatureContext, suffix: string): Promise<SampleAnswer["tls"]> {
  return (await row.answer(at(row, suffix))).tls;
}

/** The server is not trusted, or does not trust us. */
async function failsAt(row: FeatureContext, suffix: string): Promise<void> {
  const { status, body } = await row.ask(at(row, suffix));
  assert.equal(status, 503);
  assert.match(body, /TLS|connection termination|reset/i);
}

function secretOf(row: FeatureContext, entries: Readonly<Record<string, string>>): object {
  return { apiVersion: "v1", kind: "Secret", metadata: row.named("credential"), stringData: entries };
}

const originated: readonly Feature[] = [
  {
    name: "TLS is originated for the request's host and verified by a root",
    fields: [`${tls}.mode`, `${tls}.caCertificates`],
    service: false,
    manifests: (row) => [
      ...towards(row, "good", "v1", { mode: "SIMPLE", caCertificates: root(row) }),
      ...towards(row, "stranger", "v4", { mode: "SIMPLE", caCertificates: root(row) }),
      ...row.service({ suffix: "plain", to: versions(row, "v1") }),
    ],
    check: async (row) => {
      const { serverName, version } = (await tlsOf(row, "good")) ?? {};
      assert.deepEqual({ serverName, version }, { serverName: hostOf(row, "good"), version: "TLSv1.3" });
      assert.equal(await tlsOf(row, "plain"), undefined);
      await failsAt(row, "stranger");
    },
  },
  {
    name: "the server is asked for by another name",
    fields: [`${tls}.sni`],
    service: false,
    manifests: (row) =>
      towards(row, "named", "v1", { mode: "SIMPLE", caCertificates: root(row), sni: "named.example.com" }),
    check: async (row) => assert.equal((await tlsOf(row, "named"))?.serverName, "named.example.com"),
  },
  {
    name: "the server has to have one of the names",
    fields: [`${tls}.subjectAltNames`],
    service: false,
    manifests: (row) => [
      ...towards(row, "right", "v1", {
        mode: "SIMPLE",
        caCertificates: root(row),
        subjectAltNames: ["other.example.com", "named.example.com"],
      }),
      ...towards(row, "wrong", "v1", {
        mode: "SIMPLE",
        caCertificates: root(row),
        subjectAltNames: ["other.example.com"],
      }),
    ],
    check: async (row) => {
      assert.ok(await tlsOf(row, "right"));
      await failsAt(row, "wrong");
    },
  },
  {
    name: "the server of an entry has to have one of the entry's names",
    fields: ["ServiceEntry.subjectAltNames"],
    service: false,
    manifests: (row) =>
      ["named", "other"].flatMap((name) => {
        const host = `${name}.${row.publicHost}`;
        const { address, port } = row.workload("reviews", "v1");
        const settings = { mode: "SIMPLE", caCertificates: root(row), sni: "named.example.com" };
        return [
          serviceEntry(row.named(name), {
            hosts: [host],
            ports: [{ number: row.port, name: "http", protocol: "HTTP" }],
            resolution: "STATIC",
            endpoints: [{ address, ports: { http: port } }],
            subjectAltNames: [`${name}.example.com`],
          }),
          row.destinationRule({ host, trafficPolicy: { tls: settings } }, name),
        ];
      }),
    check: async (row) => {
      assert.ok((await row.answer({ host: `named.${row.publicHost}` })).tls);
      assert.equal((await row.ask({ host: `other.${row.publicHost}` })).status, 503);
    },
  },
  {
    name: "a client shows its certificate",
    fields: [`${tls}.mode`, `${tls}.clientCertificate`, `${tls}.privateKey`],
    service: false,
    manifests: (row) => {
      const clientCertificate = row.fileWith("client.pem", client.certificate);
      const privateKey = row.fileWith("client.key", client.privateKey);
      return [
        ...towards(row, "mutual", "v2", { mode: "MUTUAL", clientCertificate, privateKey, caCertificates: root(row) }),
        ...towards(row, "simple", "v2", { mode: "SIMPLE", caCertificates: root(row) }),
      ];
    },
    check: async (row) => {
      assert.match((await tlsOf(row, "mutual"))?.peerNames ?? "", /client\.example\.com/);
      await failsAt(row, "simple");
    },
  },
  {
    name: "verification can be left out",
    fields: [`${tls}.insecureSkipVerify`],
    service: false,
    manifests: (row) => towards(row, "stranger", "v4", { mode: "SIMPLE", insecureSkipVerify: true }),
    check: async (row) => assert.equal((await tlsOf(row, "stranger"))?.serverName, hostOf(row, "stranger")),
  },
  {
    name: "a revoked server is not trusted",
    fields: [`${tls}.caCrl`],
    service: false,
    manifests: (row) => {
      const listed = { mode: "SIMPLE", caCertificates: root(row), caCrl: row.fileWith("crl.pem", revocationList) };
      return [
        ...towards(row, "good", "v1", listed),
        ...towards(row, "revoked", "v3", listed),
        ...towards(row, "unlisted", "v3", { mode: "SIMPLE", caCertificates: root(row) }),
      ];
    },
    check: async (row) => {
      assert.ok(await tlsOf(row, "good"));
      assert.ok(await tlsOf(row, "unlisted"));
      await failsAt(row, "revoked");
    },
  },
  {
    name: "TLS of one port, none of the others",
    fields: ["DestinationRule.trafficPolicy.portLevelSettings.tls", `${tls}.mode`],
    manifests: (row) => {
      const settings = { mode: "SIMPLE", caCertificates: root(row) };
      const portLevelSettings = [{ port: { number: row.ports(0) }, tls: settings }];
      const to = versions(row, "v1");
      return [
        ...row.service({ suffix: "a", to }),
        ...row.service({ suffix: "b", port: row.ports(0), to }),
        policy(row, { tls: { mode: "DISABLE" }, portLevelSettings }, "a"),
        policy(row, { tls: { mode: "DISABLE" }, portLevelSettings }, "b"),
      ];
    },
    check: async (row) => {
      assert.equal(await tlsOf(row, "a"), undefined);
      const port = row.ports(0);
      assert.ok((await row.answer({ port, host: `${hostOf(row, "b")}:${port}` })).tls);
    },
  },
];

const byCredential: Feature = {
  name: "a Secret has what a gateway, or a selected sidecar, originates TLS with",
  fields: [`${tls}.credentialName`],
  service: false,
  manifests: (row) => {
    const settings = { mode: "MUTUAL", credentialName: row.named("credential").name };
    const to = versions(row, "v2");
    const entries = { cert: client.certificate, key: client.privateKey, cacert: servers.rootPem };
    const host = hostOf(row, "gateway");
    return [
      secretOf(row, entries),
      ...["gateway", "selected"].flatMap((suffix) => row.service({ suffix, to })),
      row.destinationRule({ host, trafficPolicy: { tls: settings } }, "gateway"),
      row.destinationRule(
        {
          host: hostOf(row, "selected"),
          workloadSelector: { matchLabels: { app: "frontend" } },
          trafficPolicy: { tls: settings },
        },
        "selected",
      ),
      row.virtualService({
        hosts: [row.publicHost],
        gateways: ["edge"],
        http: [{ rewrite: { authority: host }, route: [{ destination: { host } }] }],
      }),
    ];
  },
  check: async (row) => {
    const certificate = /client\.example\.com/;
    assert.match((await row.answerOfGateway()).tls?.peerNames ?? "", certificate);
    assert.match((await tlsOf(row, "selected"))?.peerNames ?? "", certificate);
    assert.equal(await tlsOf(row, "gateway"), undefined, "a sidecar nobody selected calls in plaintext");
    assert.match(await row.findings(), /credential-for-gateways/);
  },
};

export const upstreamTlsRows: readonly Feature[] = [...originated, byCredential];
