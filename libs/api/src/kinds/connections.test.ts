import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decodeSpec, summary } from "../testing/decode-text.ts";
import type { SpecCase } from "../testing/decode-text.ts";

const server = (tls: string, protocol = "HTTPS", hosts = "[a.com]"): string =>
  `servers: [{hosts: ${hosts}, port: {number: 443, name: a, protocol: ${protocol}}, tls: {${tls}}}]`;
const tls = "spec.servers[0].tls";
const route = "route: [{destination: {host: db}}]";

const cases = {
  Gateway: [
    [
      "every mode",
      `servers:
- {hosts: [a.com], port: {number: 443, name: a, protocol: TLS}, tls: {mode: PASSTHROUGH}}
- {hosts: ["*.local"], port: {number: 15443, name: b, protocol: TLS}, tls: {mode: AUTO_PASSTHROUGH}}
- {hosts: [b.com], port: {number: 443, name: c, protocol: HTTPS}, tls: {mode: OPTIONAL_MUTUAL, credentialNames: [rsa, ecdsa], caCertCredentialName: ca}}
- {hosts: [c.com], port: {number: 443, name: d, protocol: TLS}, tls: {mode: ISTIO_MUTUAL, subjectAltNames: [spiffe://a/b]}}
- {hosts: ["*"], port: {number: 27017, name: e, protocol: MONGO}}
- {hosts: [d.com], port: {number: 443, name: f, protocol: HTTPS}, tls: {mode: MUTUAL, tlsCertificates: [{serverCertificate: /c, privateKey: /k}], caCertificates: /ca, caCrl: /crl}}
- {hosts: ["*"], bind: "unix:///run/a.sock", port: {number: 0, name: g, protocol: HTTP}}`,
    ],
    [
      "pins, versions, ciphers and curves",
      server(
        `mode: MUTUAL, credentialName: a, minProtocolVersion: TLSV1_2, maxProtocolVersion: TLSV1_3, cipherSuites: [AES128-SHA], ecdhCurves: [P-256], verifyCertificateSpki: [${"A".repeat(43)}=], verifyCertificateHash: [${"ab:".repeat(31)}ab, ${"0f".repeat(32)}]`,
      ),
    ],
    [
      "pins that are none",
      server("mode: MUTUAL, credentialName: a, verifyCertificateSpki: [abc], verifyCertificateHash: [abc]"),
      `${tls}.verifyCertificateSpki[0] hash`,
      `${tls}.verifyCertificateHash[0] hash`,
    ],
    [
      "ciphers and curves nobody knows, one twice",
      server("mode: SIMPLE, credentialName: a, cipherSuites: [ROT13, AES128-SHA, AES128-SHA], ecdhCurves: [P-1]"),
      `warning ${tls}.cipherSuites[0] ineffective`,
      `warning ${tls}.cipherSuites[2] duplicate`,
      `warning ${tls}.ecdhCurves[0] ineffective`,
    ],
    [
      "an old version without ciphers, a range upside down",
      server("mode: SIMPLE, credentialName: a, minProtocolVersion: TLSV1_1, maxProtocolVersion: TLSV1_0"),
      `warning ${tls}.minProtocolVersion ineffective`,
      `${tls}.minProtocolVersion range`,
    ],
    [
      "several sources of the certificate",
      server("mode: SIMPLE, serverCertificate: /c, privateKey: /k, credentialName: a, credentialNames: [a, b, c]"),
      `${tls}.credentialName conflict`,
      `${tls}.credentialNames conflict`,
      `${tls}.credentialNames range`,
    ],
    [
      "half a pair",
      server("mode: SIMPLE, tlsCertificates: [{serverCertificate: /c}]"),
      `${tls}.tlsCertificates[0].privateKey required`,
    ],
    [
      "client certificates without an authority",
      server("mode: MUTUAL, serverCertificate: /c, privateKey: /k"),
      `${tls}.caCertificates required`,
    ],
    [
      "checks of client certificates nobody asks for",
      server("mode: SIMPLE, credentialName: a, subjectAltNames: [b]"),
      `warning ${tls}.subjectAltNames ineffective`,
    ],
    [
      "a revocation list beside a secret",
      server("mode: MUTUAL, credentialName: a, caCrl: /a"),
      `${tls}.caCrl conflict`,
    ],
    [
      "a revocation list without client certificates",
      server("mode: SIMPLE, credentialName: a, caCrl: /a"),
      `warning ${tls}.caCrl ineffective`,
    ],
    [
      "files with ISTIO_MUTUAL",
      server("mode: ISTIO_MUTUAL, serverCertificate: /c, credentialNames: [a]"),
      `${tls}.serverCertificate conflict`,
      `${tls}.credentialNames conflict`,
    ],
    [
      "a certificate that passes through",
      server("mode: PASSTHROUGH, credentialName: a", "TLS"),
      `warning ${tls}.credentialName ineffective`,
    ],
    [
      "credentials from elsewhere",
      server("mode: MUTUAL, credentialName: vault://a, caCertCredentialName: configmap://ca"),
      `${tls}.credentialName credential`,
      `${tls}.caCertCredentialName not-built`,
    ],
    [
      "part of a label as wildcard under TLS",
      server("mode: SIMPLE, credentialName: a", "HTTPS", '["*-a.example.com", "ns/*b.example.com", "*.c.com"]'),
      "spec.servers[0].hosts[0] host",
      "spec.servers[0].hosts[1] host",
    ],
    [
      "what a gateway's port cannot be",
      `servers:
- {hosts: [a], bind: "unix:///a", port: {number: 1, name: a, protocol: HTTP}}
- {hosts: [a], port: {number: 1, targetPort: 2, name: b, protocol: UDP}}`,
      "spec.servers[0].port.number port",
      "spec.servers[1].port.targetPort unsupported",
      "spec.servers[1].port.protocol not-built",
    ],
    ["TLS settings on TCP", server("mode: PASSTHROUGH", "TCP"), `${tls} conflict`],
  ],
  VirtualService: [
    [
      "connections by server name and address",
      `
hosts: ["*.example.com", db]
gateways: [mesh, gw]
tls:
- match:
  - {sniHosts: [a.example.com, "*.b.example.com"], port: 443, sourceLabels: {app: web}, sourceNamespace: prod, gateways: [mesh]}
  - {sniHosts: [c.example.com], destinationSubnets: [10.0.0.0/8, "2001:db8::1"]}
  route: [{destination: {host: a, port: {number: 443}}, weight: 20}, {destination: {host: b, subset: v1}, weight: 80}]
tcp:
- match: [{destinationSubnets: [10.1.0.0/16], port: 3306, sourceLabels: {app: web}, sourceNamespace: prod, gateways: [gw]}]
  ${route}
- ${route}`,
    ],
    [
      "TLS without a match, a name and a destination",
      "hosts: [a.com]\ntls: [{}, {match: [{}], route: [{}]}]",
      "spec.tls[0].match required",
      "spec.tls[0].route required",
      "spec.tls[1].match[0].sniHosts required",
      "spec.tls[1].route[0].destination required",
    ],
    [
      "server names that are not the host's, or no names",
      `hosts: ["*.a.com"]\ntls: [{match: [{sniHosts: [x.b.com, "*x.a.com", a_b.a.com]}], ${route}}]`,
      "spec.tls[0].match[0].sniHosts[0] host",
      "spec.tls[0].match[0].sniHosts[1] host",
      "spec.tls[0].match[0].sniHosts[2] host",
    ],
    [
      "the server name of a service's port, on a gateway",
      `hosts: ["*.local"]\ngateways: [gw]\ntls: [{match: [{sniHosts: [outbound_.80_._.a.b.svc.cluster.local]}], ${route}}]`,
    ],
    [
      "bad places",
      `hosts: [a.com]\ntcp: [{match: [{destinationSubnets: [10.0.0.0/33], port: 70000, sourceNamespace: A_b, gateways: [a/b/c], sourceSubnet: 10.0.0.0/8}], ${route}}]`,
      "spec.tcp[0].match[0].destinationSubnets[0] address",
      "spec.tcp[0].match[0].port port",
      "spec.tcp[0].match[0].sourceNamespace namespace",
      "spec.tcp[0].match[0].gateways[0] gateway",
      "warning spec.tcp[0].match[0].sourceSubnet not-built",
    ],
    [
      "bad weights",
      "hosts: [a.com]\ntcp: [{route: [{destination: {host: a}}, {destination: {host: b}}]}, {route: [{destination: {host: a}, weight: -1}]}]",
      "spec.tcp[0].route weight",
      "spec.tcp[1].route[0].weight range",
      "warning spec.tcp[1] IST0130",
    ],
    [
      "the same match again",
      `hosts: [a.com]\ntls: [{match: [{sniHosts: [a.com]}], ${route}}, {match: [{sniHosts: [a.com]}], ${route}}]`,
      "warning spec.tls[1] IST0130",
    ],
  ],
} satisfies Record<string, readonly SpecCase[]>;

for (const [kind, table] of Object.entries(cases)) {
  describe(kind, () => {
    for (const [name, spec, ...said] of table as readonly SpecCase[]) {
      test(`${name}${said.length === 0 ? " is good" : ""}`, () => {
        const result = decodeSpec(kind, spec);
        const messages = result.ok ? [] : result.violations.map((each) => `${each.path}: ${each.message}`);
        assert.deepEqual(summary(result).sort(), [...said].sort(), messages.join("\n"));
      });
    }
  });
}
