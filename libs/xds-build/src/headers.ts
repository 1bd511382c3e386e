import type * as ir from "@lateen/ir";
import type { Http1ProtocolOptionsSchema } from "@lateen/protos/envoy/config/core/v3/protocol_pb.js";
import {
  HttpConnectionManager_ForwardClientCertDetails,
  HttpConnectionManager_ServerHeaderTransformation,
  type HttpConnectionManagerSchema,
} from "@lateen/protos/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import { PreserveCaseFormatterConfigSchema } from "@lateen/protos/envoy/extensions/http/header_formatters/preserve_case/v3/preserve_case_pb.js";
import { typed } from "./messages.ts";
import type { Init } from "./messages.ts";

type Fields = Init<typeof HttpConnectionManagerSchema>;

const { APPEND_FORWARD, SANITIZE_SET, SANITIZE, FORWARD_ONLY, ALWAYS_FORWARD_ONLY } =
  HttpConnectionManager_ForwardClientCertDetails;

const peerHandlings: Readonly<Record<ir.PeerHandling, HttpConnectionManager_ForwardClientCertDetails>> = {
  sanitize: SANITIZE,
  "forward-only": FORWARD_ONLY,
  "append-forward": APPEND_FORWARD,
  "sanitize-set": SANITIZE_SET,
  "always-forward-only": ALWAYS_FORWARD_ONLY,
};

/** What callers and servers learn of each other. Only a gateway takes the address of its client for the caller's. */
export function identity({ role, forwardPeer, headers, trustedProxies }: ir.HttpHandler): Fields {
  const own = headers?.peerDetails;
  const details =
    own === undefined
      ? { subject: true, dns: true, uri: true, ...(role === "gateway" ? { cert: true } : {}) }
      : { subject: own.subject, cert: own.certificate, chain: own.chain, dns: own.dns, uri: own.uri };
  const described = forwardPeer ? { setCurrentClientCertDetails: details } : {};
  if (role === "outbound") return { useRemoteAddress: false };
  return {
    serverName: "istio-envoy",
    useRemoteAddress: role === "gateway",
    ...(trustedProxies === undefined ? {} : { xffNumTrustedHops: trustedProxies }),
    forwardClientCertDetails: peerHandlings[headers?.peer ?? (role === "gateway" ? "sanitize-set" : "append-forward")],
    ...described,
  };
}

/** After `identity`: a name that was wished for takes the place of the usual one. */
export function ownHeaders(headers: ir.HeaderHandling | undefined): Fields {
  const { server, requestIds, forwardsPort } = headers ?? {};
  return {
    ...(server === undefined
      ? {}
      : server === "untouched"
        ? { serverName: "", serverHeaderTransformation: HttpConnectionManager_ServerHeaderTransformation.PASS_THROUGH }
        : { serverName: server.name }),
    ...(requestIds === "as-they-come" ? { generateRequestId: false } : {}),
    ...(forwardsPort === true ? { appendXForwardedPort: true } : {}),
  };
}

/** Of HTTP/1, on both sides of a proxy. */
export const keptCase: Init<typeof Http1ProtocolOptionsSchema> = {
  headerKeyFormat: {
    headerFormat: {
      case: "statefulFormatter",
      value: {
        name: "preserve_case",
        typedConfig: typed(PreserveCaseFormatterConfigSchema, {}),
      },
    },
  },
};
