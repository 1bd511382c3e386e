import { create } from "@bufbuild/protobuf";
import type * as ir from "@lateen/ir";
import {
  ApiConfigSource_ApiType,
  ApiVersion,
  type ConfigSourceSchema,
} from "@lateen/protos/envoy/config/core/v3/config_source_pb.js";
import { TransportSocketSchema } from "@lateen/protos/envoy/config/core/v3/base_pb.js";
import type { TransportSocket } from "@lateen/protos/envoy/config/core/v3/base_pb.js";
import { ProxyProtocolConfig_Version } from "@lateen/protos/envoy/config/core/v3/proxy_protocol_pb.js";
import { ProxyProtocolUpstreamTransportSchema } from "@lateen/protos/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.js";
import { RawBufferSchema } from "@lateen/protos/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.js";
import {
  CertificateValidationContext_TrustChainVerification,
  SubjectAltNameMatcher_SanType,
  SubjectAltNameMatcherSchema,
  TlsParameters_TlsProtocol,
} from "@lateen/protos/envoy/extensions/transport_sockets/tls/v3/common_pb.js";
import { SdsSecretConfigSchema } from "@lateen/protos/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import type { SdsSecretConfig } from "@lateen/protos/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import type { CertificateValidationContextSchema } from "@lateen/protos/envoy/extensions/transport_sockets/tls/v3/common_pb.js";
import {
  CommonTlsContextSchema,
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from "@lateen/protos/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import type { CommonTlsContext } from "@lateen/protos/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import { byContent } from "./by-content.ts";
import { stringMatcher } from "./matchers.ts";
import { duration, overAds, typed, unreachable } from "./messages.ts";
import type { Init } from "./messages.ts";
import { clusterName, fileAuthoritiesName, fileCertificateName, secretName, sniName } from "./naming.ts";

type Context = Init<typeof CommonTlsContextSchema>;

/** The static cluster through which a proxy's own agent hands it its certificates. */
const agentCluster = "sds-grpc";
/** For ever: without its certificate a proxy must not start to serve. */
const agentFetchTimeoutMs = 0;

/** The workload's certificate and the roots it trusts, by the names Istio's agent knows them. */
const workloadSecret = "default";
const rootSecret = "ROOTCA";
const systemRootsSecret = "file-root:system";

function fromAgent(name: string): SdsSecretConfig {
  const patience = { initialFetchTimeout: duration(agentFetchTimeoutMs) };
  return create(SdsSecretConfigSchema, {
    name,
    sdsConfig: { ...sourceBehind({ clusterName: agentCluster }), ...patience },
  });
}

/** As long as Envoy waits by itself: other listeners do not wait for a service of the user's for ever. */
function fromService({ name, from, authority }: ir.ForeignSecret): SdsSecretConfig {
  return create(SdsSecretConfigSchema, {
    name,
    sdsConfig: sourceBehind({ clusterName: clusterName(from), authority }),
  });
}

function sourceBehind(service: {
  readonly clusterName: string;
  readonly authority?: string;
}): Init<typeof ConfigSourceSchema> {
  return {
    resourceApiVersion: ApiVersion.V3,
    configSourceSpecifier: {
      case: "apiConfigSource",
      value: {
        apiType: ApiConfigSource_ApiType.GRPC,
        transportApiVersion: ApiVersion.V3,
        setNodeOnFirstMessageOnly: true,
        grpcServices: [{ targetSpecifier: { case: "envoyGrpc", value: service } }],
      },
    },
  };
}

/**
 * As long as Envoy waits by itself: a Secret that is not there must not keep the listener's other servers from being
 * served. https://github.com/istio/istio/blob/0098d99f8e43fe516aaac5a84a131b4ce3c8b9d1/pilot/pkg/security/model/authentication.go
 */
function fromControlPlane(credential: string): SdsSecretConfig {
  return named(secretName(credential));
}

function named(name: string): SdsSecretConfig {
  const { initialFetchTimeout: _, ...sdsConfig } = overAds();
  return create(SdsSecretConfigSchema, { name, sdsConfig });
}

function tlsSocket(config: ReturnType<typeof typed>): TransportSocket {
  return create(TransportSocketSchema, {
    name: "envoy.transport_sockets.tls",
    configType: { case: "typedConfig", value: config },
  });
}

export function plaintextSocket(): TransportSocket {
  return create(TransportSocketSchema, {
    name: "envoy.transport_sockets.raw_buffer",
    configType: { case: "typedConfig", value: typed(RawBufferSchema, {}) },
  });
}

/** What `inner` sends comes after a PROXY header. */
export function proxyProtocolSocket(inner: TransportSocket, version: 1 | 2): TransportSocket {
  return create(TransportSocketSchema, {
    name: "envoy.transport_sockets.upstream_proxy_protocol",
    configType: {
      case: "typedConfig",
      value: typed(ProxyProtocolUpstreamTransportSchema, {
        config: { version: version === 1 ? ProxyProtocolConfig_Version.V1 : ProxyProtocolConfig_Version.V2 },
        transportSocket: inner,
      }),
    },
  });
}

/** For connections to a cluster; undefined: plaintext. */
export function upstreamSocket(tls: ir.UpstreamTls): TransportSocket | undefined {
  switch (tls.mode) {
    case "none":
      return undefined;
    case "workload-identity":
      return tlsSocket(
        typed(UpstreamTlsContextSchema, {
          sni: typeof tls.sni === "string" ? tls.sni : sniName(tls.sni),
          commonTlsContext: identityContext(tls.alpn, tls.acceptedPeers),
        }),
      );
    case "originate":
      return tlsSocket(
        typed(UpstreamTlsContextSchema, {
          sni: tls.sni,
          commonTlsContext: create(CommonTlsContextSchema, {
            alpnProtocols: [...tls.alpn],
            tlsParams: {
              ...clientVersions,
              cipherSuites: [...(tls.cipherSuites ?? [])],
              ecdhCurves: [...(tls.curves ?? [])],
            },
            ...clientCertificates(tls.client),
            ...serverTrust(tls.trust, tls.acceptedNames),
          }),
        }),
      );
    default:
      return unreachable(tls);
  }
}

/**
 * Envoy as a client stops at 1.2 unless it is told otherwise:
 * https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/transport_sockets/tls/v3/common.proto#extensions-transport-sockets-tls-v3-tlsparameters
 */
const clientVersions = {
  tlsMinimumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_2,
  tlsMaximumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3,
};

function identityContext(
  alpn: readonly string[],
  acceptedPeers: readonly string[],
  revocationList?: string,
): CommonTlsContext {
  return create(CommonTlsContextSchema, {
    alpnProtocols: [...alpn],
    tlsParams: clientVersions,
    tlsCertificateSdsSecretConfigs: [fromAgent(workloadSecret)],
    validationContextType: {
      case: "combinedValidationContext",
      value: {
        defaultValidationContext: { ...accepted(acceptedPeers), ...revoked(revocationList) },
        validationContextSdsSecretConfig: fromAgent(rootSecret),
      },
    },
  });
}

/**
 * Of TLS 1.2 between workloads, as audits of Istio's meshes know them:
 * https://github.com/istio/istio/blob/1.27.0/pilot/pkg/security/authn/utils/utils.go
 */
const meshCiphers = [
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "AES256-GCM-SHA384",
  "AES128-GCM-SHA256",
];

/** As `identityContext`, with what a server asks of its callers. */
function servingContext(tls: Extract<ir.DownstreamTls, { mode: "workload-identity" }>): CommonTlsContext {
  const context = identityContext(tls.alpn, tls.acceptedPeers ?? [], tls.revocationList);
  if (tls.parameters === "unsaid") delete context.tlsParams;
  const parameters = context.tlsParams;
  if (parameters !== undefined && tls.minimumVersion !== undefined)
    parameters.tlsMinimumProtocolVersion = version(tls.minimumVersion);
  if (parameters !== undefined) parameters.cipherSuites = [...(tls.cipherSuites ?? meshCiphers)];
  const validation = context.validationContextType;
  // One name that fits is enough, so those that are listed stand alone.
  const domains = (tls.acceptedPeers ?? []).length > 0 ? [] : (tls.trustDomains ?? []);
  if (validation.case === "combinedValidationContext")
    validation.value.defaultValidationContext?.matchTypedSubjectAltNames.push(
      ...domains.map((domain) =>
        create(SubjectAltNameMatcherSchema, {
          sanType: SubjectAltNameMatcher_SanType.URI,
          matcher: stringMatcher({ kind: "prefix", value: `spiffe://${domain}/` }),
        }),
      ),
    );
  return context;
}

/** Names are matched whatever kind of alternative name they are. */
function accepted(names: readonly string[]): Init<typeof CertificateValidationContextSchema> {
  const sanTypes = [SubjectAltNameMatcher_SanType.URI, SubjectAltNameMatcher_SanType.DNS] as const;
  return {
    matchTypedSubjectAltNames: names.flatMap((name) => {
      const types = name.startsWith("spiffe://") ? [sanTypes[0]] : sanTypes;
      return types.map((sanType) => ({ sanType, matcher: stringMatcher({ kind: "exact", value: name }) }));
    }),
  };
}

function clientCertificates(
  client: ir.ClientCertificate | undefined,
): Pick<Context, "tlsCertificates" | "tlsCertificateSdsSecretConfigs"> {
  if (client === undefined) return {};
  const secret =
    client.kind === "secret"
      ? fromControlPlane(client.name)
      : named(fileCertificateName(client.certificate, client.privateKey));
  return { tlsCertificateSdsSecretConfigs: [secret] };
}

function serverTrust(trust: ir.UpstreamTrust, names: readonly string[]): Pick<Context, "validationContextType"> {
  switch (trust.kind) {
    case "unverified":
      return {};
    case "system":
      return combined(names, fromAgent(systemRootsSecret));
    case "secret":
      return combined(names, fromControlPlane(trust.name));
    case "file":
      return combined(names, named(fileAuthoritiesName(trust.path)), trust.revocationList);
    default:
      return unreachable(trust);
  }
}

function revoked(path: string | undefined): Pick<Init<typeof CertificateValidationContextSchema>, "crl"> {
  return path === undefined ? {} : { crl: { specifier: { case: "filename", value: path } } };
}

function combined(
  names: readonly string[],
  secret: SdsSecretConfig,
  revocationList?: string,
): Pick<Context, "validationContextType"> {
  return {
    validationContextType: {
      case: "combinedValidationContext",
      value: {
        defaultValidationContext: { ...accepted(names), ...revoked(revocationList) },
        validationContextSdsSecretConfig: secret,
      },
    },
  };
}

/** For connections to a listener. */
export const downstreamSocket = byContent((tls: ir.DownstreamTls): TransportSocket => {
  switch (tls.mode) {
    case "workload-identity":
      return tlsSocket(
        typed(DownstreamTlsContextSchema, {
          requireClientCertificate: true,
          commonTlsContext: servingContext(tls),
        }),
      );
    case "certificate":
      return tlsSocket(
        typed(DownstreamTlsContextSchema, {
          requireClientCertificate: tls.client.mode === "required",
          commonTlsContext: create(CommonTlsContextSchema, {
            alpnProtocols: [...tls.alpn],
            ...tlsParams(tls),
            ...serverCertificates(tls.certificates),
            ...clientTrust(tls.client),
          }),
        }),
      );
    default:
      return unreachable(tls);
  }
});

function tlsParams(tls: Extract<ir.DownstreamTls, { mode: "certificate" }>): Pick<Context, "tlsParams"> {
  const { minimumVersion, maximumVersion, cipherSuites = [], curves = [] } = tls;
  const isDefault = minimumVersion === undefined && maximumVersion === undefined;
  if (isDefault && cipherSuites.length + curves.length === 0) return {};
  return {
    tlsParams: {
      tlsMinimumProtocolVersion: version(minimumVersion),
      tlsMaximumProtocolVersion: version(maximumVersion),
      cipherSuites: [...cipherSuites],
      ecdhCurves: [...curves],
    },
  };
}

function version(name: ir.TlsVersion | undefined): TlsParameters_TlsProtocol {
  switch (name) {
    case undefined:
      return TlsParameters_TlsProtocol.TLS_AUTO;
    case "1.0":
      return TlsParameters_TlsProtocol.TLSv1_0;
    case "1.1":
      return TlsParameters_TlsProtocol.TLSv1_1;
    case "1.2":
      return TlsParameters_TlsProtocol.TLSv1_2;
    case "1.3":
      return TlsParameters_TlsProtocol.TLSv1_3;
  }
}

function serverCertificates(
  certificates: readonly ir.ServerCertificate[],
): Pick<Context, "tlsCertificates" | "tlsCertificateSdsSecretConfigs"> {
  const secrets = certificates.flatMap((certificate) =>
    certificate.kind === "secret"
      ? [fromControlPlane(certificate.name)]
      : certificate.kind === "foreign-secret"
        ? [fromService(certificate)]
        : certificate.kind === "workload-identity"
          ? [fromAgent(workloadSecret)]
          : [named(fileCertificateName(certificate.certificate, certificate.privateKey))],
  );
  return { tlsCertificateSdsSecretConfigs: secrets };
}

function clientTrust(client: ir.ClientVerification): Pick<Context, "validationContextType"> {
  if (client.mode === "none") return {};
  const checks = {
    ...accepted(client.acceptedNames),
    verifyCertificateSpki: [...client.spkiHashes],
    verifyCertificateHash: [...client.certificateHashes],
    ...(client.acceptsUntrusted
      ? { trustChainVerification: CertificateValidationContext_TrustChainVerification.ACCEPT_UNTRUSTED }
      : {}),
  };
  const { trust } = client;
  const secret =
    trust.kind === "file"
      ? named(fileAuthoritiesName(trust.path))
      : trust.kind === "secret"
        ? fromControlPlane(trust.name)
        : trust.kind === "foreign-secret"
          ? fromService(trust)
          : fromAgent(rootSecret);
  return {
    validationContextType: {
      case: "combinedValidationContext",
      value: {
        defaultValidationContext: { ...checks, ...(trust.kind === "file" ? revoked(trust.revocationList) : {}) },
        validationContextSdsSecretConfig: secret,
      },
    },
  };
}
