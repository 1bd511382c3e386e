import assert from "node:assert/strict";
import { once } from "node:events";
import { renameSync } from "node:fs";
import { connect } from "node:tls";
import { type TlsProbe, type TlsResult, tlsSecret } from "@lateen/e2e-harness";
import { readCa, issueClientCertificate } from "../certificates.ts";
import type { Feature, FeatureContext } from "./feature.ts";
import {
  certificateHash,
  client,
  clientRoot,
  credential,
  keyHash,
  one,
  otherClient,
  type Pair,
  pairOf,
  revocationList,
  revoked,
  secret,
  server,
  serverRoot,
  stranger,
  two,
  withAuthority,
} from "./gateway-tls-material.ts";

/** A Gateway with one HTTPS server for the row's public host, and the rule behind it. */
export function httpsGateway(row: FeatureContext, tls: object, more: object = {}): readonly object[] {
  const port = { number: row.ports(0), name: "https", protocol: "HTTPS" };
  return [
    row.gateway({ selector: { istio: "edge" }, servers: [{ port, hosts: [row.publicHost], tls, ...more }] }),
    row.virtualService({
      hosts: [row.publicHost],
      gateways: [row.named().name],
      http: [{ route: [row.to()] }],
    }),
  ];
}

type Shown = Partial<TlsProbe> & { readonly as?: Pair };

/** A handshake and a request to the row's server. */
export function handshake(row: FeatureContext, { as: pair, ...more }: Shown = {}): Promise<TlsResult> {
  return row.probeTls({
    port: row.ports(0),
    serverName: row.publicHost,
    root: serverRoot,
    ...(pair && { certificate: pair.certificate, privateKey: pair.privateKey }),
    ...more,
  });
}

export async function accepted(row: FeatureContext, shown?: Shown): Promise<TlsResult> {
  const result = await handshake(row, shown);
  assert.match(result.received, /^HTTP\/1\.1 200/);
  return result;
}

export async function refused(row: FeatureContext, shown?: Shown): Promise<void> {
  await assert.rejects(handshake(row, shown));
}

const modeRows: readonly Feature[] = [
  {
    name: "a Secret that nobody has made holds up no other server of its port",
    fields: ["Gateway.servers.tls.credentialName"],
    manifests: (row) => {
      const port = { number: row.ports(0), name: "https", protocol: "HTTPS" };
      const simple = (credentialName: string): object => ({ mode: "SIMPLE", credentialName });
      return [
        secret(row, pairOf(server)),
        row.gateway({
          selector: { istio: "edge" },
          servers: [
            { port, hosts: [row.publicHost], tls: simple(credential(row)) },
            { port: { ...port, name: "later" }, hosts: [`later.${row.publicHost}`], tls: simple("not-made-yet") },
          ],
        }),
        row.virtualService({
          hosts: [row.publicHost],
          gateways: [row.named().name],
          http: [{ route: [row.to()] }],
        }),
      ];
    },
    check: async (row) => {
      await accepted(row);
      await refused(row, { serverName: `later.${row.publicHost}` });
    },
  },
  {
    name: "SIMPLE ends TLS with the Secret's certificate for the server's hosts",
    fields: [
      "Gateway.servers.tls.mode",
      "Gateway.servers.tls.credentialName",
      "Gateway.servers.port.number",
      "Gateway.servers.port.protocol",
      "Gateway.servers.port.name",
      "Gateway.servers.hosts",
    ],
    manifests: (row) => [
      secret(row, pairOf(server)),
      ...httpsGateway(row, { mode: "SIMPLE", credentialName: credential(row) }),
    ],
    check: async (row) => {
      const { peerNames } = await accepted(row);
      assert.match(peerNames, /DNS:\*\.example\.com/);
      await refused(row, { serverName: "elsewhere.example.com" });
    },
  },
  {
    name: "MUTUAL lets in only clients with a certificate of the Secret's authorities",
    fields: ["Gateway.servers.tls.mode"],
    manifests: (row) => [
      secret(row, withAuthority),
      ...httpsGateway(row, { mode: "MUTUAL", credentialName: credential(row) }),
    ],
    check: async (row) => {
      await accepted(row, { as: client });
      await refused(row);
      await refused(row, { as: stranger });
    },
  },
  {
    name: "MUTUAL with a generic Secret, and authorities in a Secret named -cacert",
    fields: ["Gateway.servers.tls.credentialName"],
    manifests: (row) => [
      secret(row, { cert: server.certificate, key: server.privateKey }),
      secret(row, { cacert: clientRoot }, "cert-cacert"),
      ...httpsGateway(row, { mode: "MUTUAL", credentialName: credential(row) }),
    ],
    check: async (row) => {
      await accepted(row, { as: client });
      await refused(row, { as: stranger });
    },
  },
  {
    name: "OPTIONAL_MUTUAL lets clients in without a certificate, not with a wrong one",
    fields: ["Gateway.servers.tls.mode"],
    manifests: (row) => [
      secret(row, withAuthority),
      ...httpsGateway(row, { mode: "OPTIONAL_MUTUAL", credentialName: credential(row) }),
    ],
    check: async (row) => {
      assert.doesNotMatch((await accepted(row)).received, /x-forwarded-client-cert/);
      assert.match((await accepted(row, { as: client })).received, /x-forwarded-client-cert.*client/);
      await refused(row, { as: stranger });
    },
  },
  {
    name: "insecureSkipVerify lets a wrong certificate in, too",
    fields: ["Gateway.servers.tls.insecureSkipVerify"],
    manifests: (row) => [
      secret(row, withAuthority),
      ...httpsGateway(row, { mode: "OPTIONAL_MUTUAL", credentialName: credential(row), insecureSkipVerify: true }),
    ],
    check: async (row) => {
      await accepted(row, { as: stranger });
      await accepted(row);
    },
  },
  {
    name: "ISTIO_MUTUAL takes certificates of the mesh and shows the gateway's own",
    fields: ["Gateway.servers.tls.mode", "Gateway.servers.tls.subjectAltNames"],
    manifests: (row) => {
      const tls = { mode: "ISTIO_MUTUAL", subjectAltNames: ["spiffe://cluster.local/ns/shop/sa/friend"] };
      const port = { number: row.ports(0), name: "https", protocol: "HTTPS" };
      const [, rule = {}] = httpsGateway(row, tls);
      return [
        row.gateway({ selector: { istio: "mesh-edge" }, servers: [{ port, hosts: [row.publicHost], tls }] }),
        rule,
      ];
    },
    check: async (row) => {
      const ca = await readCa(row.state);
      const as = (serviceAccount: string): Promise<Pair> =>
        issueClientCertificate(ca, { trustDomain: "cluster.local", namespace: "shop", serviceAccount });
      const { peerNames } = await accepted(row, { as: await as("friend"), root: ca.rootsPem });
      assert.match(peerNames, /sa\/mesh-edge/);
      await refused(row, { as: await as("stranger"), root: ca.rootsPem });
      await refused(row, { as: client, root: ca.rootsPem });
    },
  },
  {
    name: "builtin:// serves the gateway's own certificate without asking for one",
    fields: ["Gateway.servers.tls.credentialName"],
    manifests: (row) => {
      const tls = { mode: "SIMPLE", credentialName: "builtin://" };
      const port = { number: row.ports(0), name: "https", protocol: "HTTPS" };
      const [, rule = {}] = httpsGateway(row, tls);
      return [
        row.gateway({ selector: { istio: "mesh-edge" }, servers: [{ port, hosts: [row.publicHost], tls }] }),
        rule,
      ];
    },
    check: async (row) => {
      const { rootsPem } = await readCa(row.state);
      assert.match((await accepted(row, { root: rootsPem })).peerNames, /sa\/mesh-edge/);
    },
  },
];

const clientRows: readonly Feature[] = [
  {
    name: "caCertCredentialName comes before the authorities of the certificate's Secret",
    fields: ["Gateway.servers.tls.caCertCredentialName"],
    manifests: (row) => [
      secret(row, { ...pairOf(server), "ca.crt": serverRoot }),
      secret(row, { "ca.crt": clientRoot }, "authorities"),
      ...httpsGateway(row, {
        mode: "MUTUAL",
        credentialName: credential(row),
        caCertCredentialName: credential(row, "authorities"),
      }),
    ],
    check: async (row) => {
      await accepted(row, { as: client });
      await refused(row, { as: server });
    },
  },
  {
    name: "subjectAltNames narrow MUTUAL to named clients",
    fields: ["Gateway.servers.tls.subjectAltNames"],
    manifests: (row) => [
      secret(row, withAuthority),
      ...httpsGateway(row, {
        mode: "MUTUAL",
        credentialName: credential(row),
        subjectAltNames: ["client.example.com"],
      }),
    ],
    check: async (row) => {
      await accepted(row, { as: client });
      await refused(row, { as: otherClient });
    },
  },
  {
    name: "verifyCertificateSpki pins the client's key",
    fields: ["Gateway.servers.tls.verifyCertificateSpki"],
    manifests: (row) => [
      secret(row, withAuthority),
      ...httpsGateway(row, {
        mode: "MUTUAL",
        credentialName: credential(row),
        verifyCertificateSpki: [keyHash(client)],
      }),
    ],
    check: async (row) => {
      await accepted(row, { as: client });
      await refused(row, { as: otherClient });
    },
  },
  {
    name: "verifyCertificateHash pins the client's certificate",
    fields: ["Gateway.servers.tls.verifyCertificateHash"],
    manifests: (row) => [
      secret(row, withAuthority),
      ...httpsGateway(row, {
        mode: "MUTUAL",
        credentialName: credential(row),
        verifyCertificateHash: [certificateHash(client)],
      }),
    ],
    check: async (row) => {
      await accepted(row, { as: client });
      await refused(row, { as: otherClient });
    },
  },
  {
    name: "a Secret's revocation list shuts revoked clients out",
    fields: ["Gateway.servers.tls.credentialName"],
    manifests: (row) => [
      secret(row, { ...withAuthority, "ca.crl": revocationList }),
      ...httpsGateway(row, { mode: "MUTUAL", credentialName: credential(row) }),
    ],
    check: async (row) => {
      await accepted(row, { as: client });
      await refused(row, { as: revoked });
    },
  },
];

const certificateRows: readonly Feature[] = [
  {
    name: "certificates, authorities and a revocation list from files",
    fields: [
      "Gateway.servers.tls.serverCertificate",
      "Gateway.servers.tls.privateKey",
      "Gateway.servers.tls.caCertificates",
      "Gateway.servers.tls.caCrl",
    ],
    manifests: (row) =>
      httpsGateway(row, {
        mode: "MUTUAL",
        serverCertificate: row.fileWith("server.pem", server.certificate),
        privateKey: row.fileWith("server-key.pem", server.privateKey),
        caCertificates: row.fileWith("clients.pem", clientRoot),
        caCrl: row.fileWith("revoked.pem", revocationList),
      }),
    check: async (row) => {
      await accepted(row, { as: client });
      await refused(row, { as: revoked });
      await refused(row, { as: stranger });
    },
  },
  {
    name: "a certificate in files is read again when new files are moved into their place",
    fields: ["Gateway.servers.tls.serverCertificate", "Gateway.servers.tls.privateKey"],
    manifests: (row) =>
      httpsGateway(row, {
        mode: "SIMPLE",
        serverCertificate: row.fileWith("server.pem", one.certificate),
        privateKey: row.fileWith("server-key.pem", one.privateKey),
      }),
    check: async (row) => {
      const shown = async (): Promise<string> => (await handshake(row, { root: serverRoot })).peerNames;
      await row.eventually(async () => assert.match(await shown(), /one\.example\.com/));
      const move = (name: string, content: string): void => {
        const place = row.fileWith(`next-${name}`, content);
        renameSync(place, place.replace("next-", ""));
      };
      move("server-key.pem", two.privateKey);
      move("server.pem", two.certificate);
      await row.eventually(async () => assert.match(await shown(), /two\.example\.com/));
    },
  },
  {
    name: "of several credentialNames the server name chooses",
    fields: ["Gateway.servers.tls.credentialNames"],
    manifests: (row) => [
      secret(row, pairOf(one), "one"),
      secret(row, pairOf(two), "two"),
      ...manyHosts(row, { mode: "SIMPLE", credentialNames: [credential(row, "one"), credential(row, "two")] }),
    ],
    check: async (row) => chosenByName(row),
  },
  {
    name: "of several tlsCertificates the server name chooses",
    fields: [
      "Gateway.servers.tls.tlsCertificates.serverCertificate",
      "Gateway.servers.tls.tlsCertificates.privateKey",
      "Gateway.servers.tls.tlsCertificates.caCertificates",
    ],
    manifests: (row) => {
      const pair = (name: string, { certificate, privateKey }: Pair): object => ({
        serverCertificate: row.fileWith(`${name}.pem`, certificate),
        privateKey: row.fileWith(`${name}-key.pem`, privateKey),
        caCertificates: row.fileWith("clients.pem", clientRoot),
      });
      return manyHosts(row, { mode: "MUTUAL", tlsCertificates: [pair("one", one), pair("two", two)] });
    },
    check: async (row) => {
      await chosenByName(row, client);
      await refused(row, { serverName: "one.example.com", as: stranger });
    },
  },
  {
    name: "a new Secret is served to new connections and drops none",
    fields: ["Gateway.servers.tls.credentialName"],
    manifests: (row) => rotating(row, one),
    check: async (row) => {
      const name = "one.example.com";
      assert.equal((await accepted(row, { serverName: name })).peerNames.includes(`DNS:${name}`), true);
      const kept = connect({ host: "127.0.0.1", port: row.ports(0), servername: name, ca: serverRoot });
      await once(kept, "secureConnect");
      const before = await row.gatewayProxy().admin.stats(replaced);
      await row.rewrite(rotating(row, two));
      await row.eventually(async () => /two\.example/.test((await handshake(row, { serverName: name })).peerNames));
      assert.deepEqual(await row.gatewayProxy().admin.stats(replaced), before, "no listener was replaced");
      kept.write(`GET / HTTP/1.1\r\nhost: ${name}\r\n\r\n`);
      const [answer] = (await once(kept, "data")) as [Buffer];
      assert.match(answer.toString(), /^HTTP\/1\.1 200/, "the connection from before still answers");
      kept.destroy();
    },
  },
];

const replaced = /^listener_manager\.(listener_modified|listener_in_place_updated|listener_removed)$/;

function rotating(row: FeatureContext, pair: Pair): readonly object[] {
  return [tlsSecret(row.named("cert"), pair), ...manyHosts(row, { mode: "SIMPLE", credentialName: credential(row) })];
}

function manyHosts(row: FeatureContext, tls: object): readonly object[] {
  const hosts = ["one.example.com", "two.example.com"];
  const port = { number: row.ports(0), name: "https", protocol: "HTTPS" };
  return [
    row.gateway({ selector: { istio: "edge" }, servers: [{ port, hosts, tls }] }),
    row.virtualService({ hosts, gateways: [row.named().name], http: [{ route: [row.to()] }] }),
  ];
}

async function chosenByName(row: FeatureContext, as?: Pair): Promise<void> {
  for (const name of ["one", "two"]) {
    const { peerNames } = await accepted(row, { serverName: `${name}.example.com`, ...(as && { as }) });
    assert.match(peerNames, new RegExp(`DNS:${name}\\.example\\.com`));
  }
}

export const gatewayTlsRows: readonly Feature[] = [...modeRows, ...clientRows, ...certificateRows];
