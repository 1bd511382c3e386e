import { create } from "@bufbuild/protobuf";
import type { TransportSocket } from "@lateen/protos/envoy/config/core/v3/base_pb.js";
import { TransportSocketSchema } from "@lateen/protos/envoy/config/core/v3/base_pb.js";
import {
  DownstreamTlsContextSchema,
  UpstreamTlsContextSchema,
} from "@lateen/protos/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import type { CommonTlsContextSchema } from "@lateen/protos/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import { stringMatcher } from "../matchers.ts";
import { typed } from "../messages.ts";
import type { Init } from "../messages.ts";

/** The certificates are those of the provider `default` in the library's bootstrap: its agent writes the files. */
const certificate = { instanceName: "default", certificateName: "default" };
const roots = { instanceName: "default", certificateName: "ROOTCA" };

/** For connections to a cluster whose endpoints show one of these identities. */
export function clientSocket(acceptedPeers: readonly string[]): TransportSocket {
  return socket(typed(UpstreamTlsContextSchema, { commonTlsContext: context(acceptedPeers) }));
}

/** For a server that takes only callers with a certificate of the mesh; who may call is the rules' part. */
export function serverSocket(): TransportSocket {
  return socket(typed(DownstreamTlsContextSchema, { requireClientCertificate: true, commonTlsContext: context([]) }));
}

function socket(config: ReturnType<typeof typed>): TransportSocket {
  return create(TransportSocketSchema, {
    name: "envoy.transport_sockets.tls",
    configType: { case: "typedConfig", value: config },
  });
}

/**
 * In today's fields and in those that came before them, which older libraries still read:
 * https://github.com/grpc/proposal/blob/master/A29-xds-tls-security.md
 */
function context(acceptedPeers: readonly string[]): Init<typeof CommonTlsContextSchema> {
  return {
    tlsCertificateProviderInstance: certificate,
    tlsCertificateCertificateProviderInstance: certificate,
    validationContextType: {
      case: "combinedValidationContext",
      value: {
        validationContextCertificateProviderInstance: roots,
        defaultValidationContext: {
          caCertificateProviderInstance: roots,
          matchSubjectAltNames: acceptedPeers.map((value) => stringMatcher({ kind: "exact", value })),
        },
      },
    },
  };
}
