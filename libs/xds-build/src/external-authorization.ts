import { create } from "@bufbuild/protobuf";
import type * as ir from "@lateen/ir";
import { ApiVersion } from "@lateen/protos/envoy/config/core/v3/config_source_pb.js";
import { ExtAuthzSchema } from "@lateen/protos/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js";
import { ExtAuthzSchema as NetworkExtAuthzSchema } from "@lateen/protos/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.js";
import type { Any } from "@bufbuild/protobuf/wkt";
import { MetadataMatcherSchema } from "@lateen/protos/envoy/type/matcher/v3/metadata_pb.js";
import type { MetadataMatcher } from "@lateen/protos/envoy/type/matcher/v3/metadata_pb.js";
import { stringMatcher } from "./matchers.ts";
import { duration, grpcService, typed } from "./messages.ts";
import { clusterName } from "./naming.ts";

/** The shadow rules in front of the filter leave the id of the rule that matched in the metadata; it asks only then. */
export const shadowPrefix = "istio_ext_authz_";

function matchedARule(filter: string, prefix: string): MetadataMatcher {
  return create(MetadataMatcherSchema, {
    filter,
    path: [{ segment: { case: "key", value: `${shadowPrefix}shadow_effective_policy_id` } }],
    value: {
      matchPattern: { case: "stringMatch", value: stringMatcher({ kind: "prefix", value: prefix }) },
    },
  });
}

export function httpExternalAuthorization(from: ir.AskedAuthorization): Any {
  return typed(ExtAuthzSchema, {
    services: httpServices(from.service),
    transportApiVersion: ApiVersion.V3,
    failureModeAllow: from.failOpen,
    clearRouteCache: from.clearRouteCache,
    includePeerCertificate: true,
    filterEnabledMetadata: matchedARule("envoy.filters.http.rbac", from.prefix),
    ...(from.statusOnError === undefined ? {} : { statusOnError: { code: from.statusOnError } }),
    ...(from.body === undefined
      ? {}
      : {
          withRequestBody: {
            maxRequestBytes: from.body.maxBytes,
            allowPartialMessage: from.body.allowPartial,
            packAsBytes: from.body.asBytes,
          },
        }),
    ...allowedRequestHeaders(from.service),
  });
}

function httpServices(service: ir.ExternalService) {
  if (service.kind === "grpc") {
    return {
      case: "grpcService" as const,
      value: grpcService(service.cluster, { timeoutMs: service.timeoutMs, authority: service.authority }),
    };
  }
  // Envoy refuses an empty list of patterns.
  const patterns = <Key extends string>(key: Key, matches: readonly ir.StringMatch[]) =>
    matches.length === 0 ? {} : { [key]: { patterns: matches.map(stringMatcher) } };
  return {
    case: "httpService" as const,
    value: {
      serverUri: {
        uri: `http://${service.host}`,
        httpUpstreamType: { case: "cluster" as const, value: clusterName(service.cluster) },
        timeout: duration(service.timeoutMs),
      },
      pathPrefix: service.pathPrefix,
      authorizationRequest: {
        headersToAdd: Object.entries(service.addedHeaders).map(([key, value]) => ({ key, value })),
      },
      authorizationResponse: {
        ...patterns("allowedUpstreamHeaders", service.upstreamHeadersOnAllow),
        ...patterns("allowedClientHeaders", service.downstreamHeadersOnDeny),
        ...patterns("allowedClientHeadersOnSuccess", service.downstreamHeadersOnAllow),
      },
    },
  };
}

function allowedRequestHeaders(service: ir.ExternalService) {
  if (service.kind === "grpc" || service.requestHeaders.length === 0) return {};
  return { allowedHeaders: { patterns: service.requestHeaders.map(stringMatcher) } };
}

/** Undefined for a service that only understands HTTP. */
export function networkExternalAuthorization({ service, failOpen, prefix }: ir.AskedAuthorization): Any | undefined {
  if (service.kind !== "grpc") return undefined;
  return typed(NetworkExtAuthzSchema, {
    statPrefix: "tcp.",
    grpcService: grpcService(service.cluster, { timeoutMs: service.timeoutMs, authority: service.authority }),
    transportApiVersion: ApiVersion.V3,
    failureModeAllow: failOpen,
    includePeerCertificate: true,
    filterEnabledMetadata: matchedARule("envoy.filters.network.rbac", prefix),
  });
}
