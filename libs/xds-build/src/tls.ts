import { create } from "@bufbuild/protobuf";
import { type TransportSocket, TransportSocketSchema } from "@lateen/protos/envoy/config/core/v3/base_pb.js";
import { RawBufferSchema } from "@lateen/protos/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.js";
import {
  type CertificateValidationContextSchema,
  SubjectAltNameMatcher_SanType,
  TlsParameters_TlsProtocol,
} from "@lateen/protos/envoy/extensions/transport_sockets/tls/v3/common_pb.js";
import {
  type CommonTlsContextSchema,
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from "@lateen/protos/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import type { ir } from "./ir.ts";
import { serverNameOf } from "./naming.ts";
import { extension, fromAgent, overAds, unreachable, type Init } from "./spelling.ts";

type CommonTls = Init<typeof CommonTlsContextSchema>;
type Validation = Init<typeof CertificateValidationContextSchema>;

const tlsSocket = "envoy.transport_sockets.tls";

export const rawBuffer: TransportSocket = create(
  TransportSocketSchema,
  extension("envoy.transport_sockets.raw_buffer", RawBufferSchema, {}),
);

/** Undefined: plaintext, which needs no transport socket. */
export function upstreamSocket(tls: ir.UpstreamTls): TransportSocket | undefined {
  switch (tls.mode) {
    case "none":
      return undefined;
    case "workload-identity":
      return create(
        TransportSocketSchema,
        extension(tlsSocket, UpstreamTlsContextSchema, {
          sni: typeof tls.sni === "string" ? tls.sni : serverNameOf(tls.sni),
          commonTlsContext: workloadIdentity(tls.alpn, exactUris(tls.acceptedPeers)),
        }),
      );
    case "originate":
      return create(
        TransportSocketSchema,
        extension(tlsSocket, UpstreamTlsContextSchema, {
          sni: tls.sni,
          commonTlsContext: {
            alpnProtocols: [...tls.alpn],
            ...certificatesOf(tls.client === undefined ? [] : [tls.client]),
            ...trustOf(tls.trust, matchAnyName(tls.acceptedNames)),
          },
        }),
      );
    default:
      return unreachable(tls);
  }
}

export function downstreamSocket(tls: ir.DownstreamTls): TransportSocket {
  if (tls.mode === "workload-identity")
    return create(
      TransportSocketSchema,
      extension(tlsSocket, DownstreamTlsContextSchema, {
        requireClientCertificate: true,
        commonTlsContext: {
          ...workloadIdentity(tls.alpn, {}),
          tlsParams: { tlsMinimumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_2 },
        },
      }),
    );
  const { client } = tls;
  return create(
    TransportSocketSchema,
    extension(tlsSocket, DownstreamTlsContextSchema, {
      requireClientCertificate: client.mode === "required",
      commonTlsContext: {
        alpnProtocols: [...tls.alpn],
        tlsParams: {
          ...(tls.minimumVersion && { tlsMinimumProtocolVersion: tlsVersion[tls.minimumVersion] }),
          ...(tls.maximumVersion && { tlsMaximumProtocolVersion: tlsVersion[tls.maximumVersion] }),
          cipherSuites: [...(tls.cipherSuites ?? [])],
          ecdhCurves: [...(tls.curves ?? [])],
        },
        ...certificatesOf(tls.certificates),
        ...(client.mode === "none"
          ? {}
          : trustOf(client.trust, {
              ...matchAnyName(client.acceptedNames),
              verifyCertificateSpki: [...client.spkiHashes],
              verifyCertificateHash: [...client.certificateHashes],
            })),
      },
    }),
  );
}

const tlsVersion: Readonly<Record<ir.TlsVersion, TlsParameters_TlsProtocol>> = {
  "1.0": TlsParameters_TlsProtocol.TLSv1_0,
  "1.1": TlsParameters_TlsProtocol.TLSv1_1,
  "1.2": TlsParameters_TlsProtocol.TLSv1_2,
  "1.3": TlsParameters_TlsProtocol.TLSv1_3,
};

/** The certificate `default` and the roots `ROOTCA` of the node agent: Istio's names. */
function workloadIdentity(alpn: readonly string[], validation: Validation): CommonTls {
  return {
    alpnProtocols: [...alpn],
    tlsCertificateSdsSecretConfigs: [{ name: "default", sdsConfig: fromAgent }],
    validationContextType: {
      case: "combinedValidationContext",
      value: {
        defaultValidationContext: validation,
        validationContextSdsSecretConfig: { name: "ROOTCA", sdsConfig: fromAgent },
      },
    },
  };
}

function certificatesOf(certificates: readonly (ir.ServerCertificate | ir.ClientCertificate)[]): CommonTls {
  return {
    tlsCertificateSdsSecretConfigs: certificates
      .filter((certificate) => certificate.kind === "secret")
      .map(({ name }) => ({ name, sdsConfig: overAds })),
    tlsCertificates: certificates
      .filter((certificate) => certificate.kind === "files")
      .map(({ certificate, privateKey }) => ({ certificateChain: file(certificate), privateKey: file(privateKey) })),
  };
}

function trustOf(
  trust:
    | ir.UpstreamTrust
    | { readonly kind: "secret"; readonly name: string }
    | { readonly kind: "file"; readonly path: string },
  validation: Validation,
): CommonTls {
  switch (trust.kind) {
    case "unverified":
      return {};
    case "system":
      return combined(validation, { name: "file-root:system", sdsConfig: fromAgent });
    case "secret":
      return combined(validation, { name: trust.name, sdsConfig: overAds });
    case "file": {
      const crl = "revocationList" in trust && trust.revocationList ? { crl: file(trust.revocationList) } : {};
      return {
        validationContextType: {
          case: "validationContext",
          value: { ...validation, trustedCa: file(trust.path), ...crl },
        },
      };
    }
    default:
      return unreachable(trust);
  }
}

function combined(
  validation: Validation,
  secret: { readonly name: string; readonly sdsConfig: typeof fromAgent | typeof overAds },
): CommonTls {
  return {
    validationContextType: {
      case: "combinedValidationContext",
      value: { defaultValidationContext: validation, validationContextSdsSecretConfig: secret },
    },
  };
}

function exactUris(ids: readonly string[]): Validation {
  return {
    matchTypedSubjectAltNames: ids.map((id) => ({
      sanType: SubjectAltNameMatcher_SanType.URI,
      matcher: { matchPattern: { case: "exact", value: id } },
    })),
  };
}

/** Istio's `subjectAltNames` do not say of which type they are; Envoy's matchers do, so each name is asked for as both. */
function matchAnyName(names: readonly string[]): Validation {
  const types = [SubjectAltNameMatcher_SanType.DNS, SubjectAltNameMatcher_SanType.URI];
  return {
    matchTypedSubjectAltNames: names.flatMap((name) =>
      types.map((sanType) => ({ sanType, matcher: { matchPattern: { case: "exact" as const, value: name } } })),
    ),
  };
}

function file(path: string) {
  return { specifier: { case: "filename", value: path } } as const;
}
