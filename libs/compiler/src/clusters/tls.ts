import type * as ir from "@lateen/ir";
import { formatRef, isEmptyRecord } from "@lateen/model";
import type { ObjectRef } from "@lateen/model";
import type { Context } from "../context.ts";
import { proxyRef, requires } from "../context.ts";
import type { DestinationPolicy } from "../index/destination-rules.ts";
import type { ServiceRecord } from "../index/service-record.ts";
import { tlsModes } from "../istio-names.ts";
import type { ClientTls } from "../istio.ts";
import type { MeshSettings, TlsLimits } from "../settings.ts";

export const tlsSocket = "envoy.transport_sockets.tls";

export interface TlsQuestion {
  readonly service: ServiceRecord;
  readonly cluster: ir.OutboundClusterRef;
  readonly settings: ClientTls | undefined;
  readonly policy: DestinationPolicy | undefined;
  readonly protocol: ir.UpstreamHttp["protocol"];
  readonly discovery: ir.Discovery;
}

/** How to secure connections to a cluster: what its DestinationRule says, else mutual TLS where both sides can. */
export function upstreamTls(context: Context, question: TlsQuestion): ir.UpstreamTls {
  const { settings } = question;
  if (settings === undefined) return autoMutualTls(context, question);
  if (withheld(context, question, settings)) return { mode: "none" };
  switch (tlsModes[settings.mode] ?? "disable") {
    case "disable":
      return { mode: "none" };
    case "istio-mutual":
      return meshMutualTls(context, question, settings);
    case "simple":
    case "mutual":
      return originate(context, question, settings);
  }
}

/** As MeshConfig says of connections to hosts nobody knows. A sidecar gets no credentials for these. */
export function tlsToUnknown(context: Context, settings: ClientTls | undefined): ir.UpstreamTls {
  const mode = tlsModes[settings?.mode ?? 0] ?? "disable";
  if (settings === undefined || mode === "disable") return { mode: "none" };
  if (mode !== "istio-mutual")
    return tlsWith(context, settings, {
      owner: proxyRef(context),
      names: settings.subjectAltNames,
      protocol: "downstream",
    });
  if (!context.scope.agent) return { mode: "none" };
  const acceptedPeers = [...settings.subjectAltNames].sort();
  return { mode: "workload-identity", when: "always", sni: settings.sni, acceptedPeers, alpn: ["istio"] };
}

/**
 * A credential is for gateways, and for the sidecars a rule selects: any other sidecar might wait for one it may not
 * have. It calls in plaintext, as in Istio, mostly on the way to a gateway that originates TLS.
 */
function withheld(context: Context, { cluster, policy }: TlsQuestion, settings: ClientTls): boolean {
  const mode = tlsModes[settings.mode];
  const originates = mode === "simple" || mode === "mutual";
  if (settings.credentialName === "" || !originates || context.scope.type === "router") return false;
  if (policy !== undefined && !isEmptyRecord(policy.selector)) return false;
  context.findings.warn(
    policy?.origin ?? proxyRef(context),
    "credential-for-gateways",
    `credentialName is for gateways, and for sidecars only with a workloadSelector: sidecars connect to "${cluster.host}" in plaintext`,
  );
  return true;
}

function autoMutualTls(context: Context, question: TlsQuestion): ir.UpstreamTls {
  const { service, discovery } = question;
  if (!context.settings.autoMtls || !context.scope.agent || service.external) return { mode: "none" };
  if (discovery.kind === "by-request") return { mode: "none" }; // nothing is known of who answers
  if (discovery.kind === "original-destination") {
    // No endpoint metadata to decide by: only when every endpoint speaks it.
    return context.endpointsOf(service)?.allMutualTls ? identity(context, question, "always") : { mode: "none" };
  }
  return identity(context, question, "endpoint-decides");
}

function meshMutualTls(context: Context, question: TlsQuestion, settings: ClientTls): ir.UpstreamTls {
  if (!context.scope.agent) {
    context.findings.warn(
      question.policy?.origin ?? proxyRef(context),
      "no-workload-identity",
      `asks for ISTIO_MUTUAL towards "${question.cluster.host}", but this proxy has no agent and so no certificate; it connects in plaintext`,
    );
    return { mode: "none" };
  }
  const base = identity(context, question, "always");
  return {
    ...base,
    ...(settings.sni === "" ? {} : { sni: settings.sni }),
    ...(settings.subjectAltNames.length === 0 ? {} : { acceptedPeers: [...settings.subjectAltNames].sort() }),
  };
}

function identity(
  context: Context,
  { service, cluster, protocol, discovery }: TlsQuestion,
  when: "always" | "endpoint-decides",
): Extract<ir.UpstreamTls, { mode: "workload-identity" }> {
  const accounts = context.endpointsOf(service)?.accounts ?? [];
  const { trustDomain, trustDomainAliases } = context.settings;
  const peers = accounts.flatMap((account) => {
    const [namespace = "", name = ""] = account.split("/");
    return [trustDomain, ...trustDomainAliases].map((domain) => `spiffe://${domain}/ns/${namespace}/sa/${name}`);
  });
  return {
    mode: "workload-identity",
    when,
    sni: discovery.kind === "by-request" ? "" : cluster,
    acceptedPeers: [...new Set([...peers, ...service.subjectAltNames])].sort(),
    alpn: protocol === "http2" ? ["istio", "h2"] : ["istio"],
  };
}

function originate(context: Context, question: TlsQuestion, settings: ClientTls): ir.UpstreamTls {
  const { service, policy, protocol } = question;
  const names = settings.subjectAltNames.length > 0 ? settings.subjectAltNames : service.subjectAltNames;
  return tlsWith(context, settings, { owner: policy?.origin ?? service.origin, names, protocol });
}

interface Origination {
  readonly owner: ObjectRef;
  readonly names: readonly string[];
  readonly protocol: ir.UpstreamHttp["protocol"];
}

function tlsWith(context: Context, settings: ClientTls, { owner, names, protocol }: Origination): ir.UpstreamTls {
  if (!requires(context, tlsSocket, owner, "connections are made in plaintext")) return { mode: "none" };
  return {
    mode: "originate",
    sni: settings.sni,
    acceptedNames: [...names].sort(),
    trust: trustOf(context, settings, owner),
    ...(tlsModes[settings.mode] === "mutual" ? { client: clientCertificate(settings) } : {}),
    alpn: protocol === "http2" ? ["h2"] : [],
    ...cryptography(context.settings.otherTls),
  };
}

/** Of the mesh, for TLS that is not its own. */
function cryptography({ cipherSuites, curves }: TlsLimits): {
  cipherSuites?: readonly string[];
  curves?: readonly string[];
} {
  return { ...(cipherSuites.length === 0 ? {} : { cipherSuites }), ...(curves.length === 0 ? {} : { curves }) };
}

function clientCertificate(settings: ClientTls): ir.ClientCertificate {
  return settings.credentialName === ""
    ? { kind: "files", certificate: settings.clientCertificate, privateKey: settings.privateKey }
    : { kind: "secret", name: settings.credentialName };
}

function trustOf(
  context: Context,
  settings: ClientTls,
  owner: { kind: string; namespace: string; name: string },
): ir.UpstreamTrust {
  if (settings.insecureSkipVerify) return { kind: "unverified" };
  if (settings.credentialName !== "") return { kind: "secret", name: `${settings.credentialName}-cacert` };
  if (settings.caCertificates !== "" && settings.caCertificates !== "system") {
    return {
      kind: "file",
      path: settings.caCertificates,
      ...(settings.caCrl === "" ? {} : { revocationList: settings.caCrl }),
    };
  }
  if (settings.caCertificates === "" && !context.settings.verifyServers) return { kind: "unverified" };
  if (context.scope.agent) return { kind: "system" };
  context.findings.warn(
    owner,
    "unverified-server",
    `${formatRef(owner)} originates TLS without caCertificates, and this proxy has no agent to serve the system's roots; server certificates are not verified. Set caCertificates`,
  );
  return { kind: "unverified" };
}

/**
 * Server name and names to verify follow each request's host where the rule names neither. Certificates of the mesh hold
 * no host names. For what is looked up Envoy wants both, also in plaintext, where neither means anything.
 */
export function followsHost(
  tls: ir.UpstreamTls,
  { kind }: ir.Discovery,
  { verifyServers }: Pick<MeshSettings, "verifyServers">,
): { readonly autoSni?: true; readonly autoSanValidation?: true } {
  if (tls.mode === "none") return kind === "by-request" ? { autoSni: true, autoSanValidation: true } : {};
  if (tls.sni !== "") return {};
  if (tls.mode === "workload-identity") return { autoSni: true };
  return {
    autoSni: true,
    ...(tls.acceptedNames.length === 0 && tls.trust.kind !== "unverified" && verifyServers
      ? { autoSanValidation: true }
      : {}),
  };
}
