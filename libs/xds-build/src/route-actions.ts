import { create } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import type * as ir from "@lateen/ir";
import { HeaderValueOption_HeaderAppendAction } from "@lateen/protos/envoy/config/core/v3/base_pb.js";
import {
  DirectResponseActionSchema,
  RedirectAction_RedirectResponseCode,
  RedirectActionSchema,
  RetryPolicySchema,
  RouteActionSchema,
} from "@lateen/protos/envoy/config/route/v3/route_components_pb.js";
import type {
  DirectResponseAction,
  RedirectAction,
  RetryPolicy,
  RouteAction,
} from "@lateen/protos/envoy/config/route/v3/route_components_pb.js";
import { PreviousHostsPredicateSchema } from "@lateen/protos/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js";
import { PreviousPrioritiesConfigSchema } from "@lateen/protos/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config_pb.js";
import { duration, fraction, optionalDuration, typed } from "./messages.ts";
import type { Init } from "./messages.ts";
import { clusterName } from "./naming.ts";

type ActionFields = Init<typeof RouteActionSchema>;

/** `forwardsHost`: the host that was asked for goes along where it is rewritten. */
export function routeAction(from: ir.Forward, forwardsHost: boolean): RouteAction {
  return create(RouteActionSchema, {
    clusterSpecifier: clusters(from.targets),
    timeout: duration(from.timeoutMs),
    // Not max_stream_duration beside it: Envoy then reads its timeouts from there and ignores this one. A gRPC client's
    // own grpc-timeout is its business; the field that bounded it (max_grpc_timeout) is deprecated and gone soon.
    ...(from.retry === undefined ? {} : { retryPolicy: retryPolicy(from.retry) }),
    ...rewrite(from.rewrite),
    ...(from.hostRewrite === undefined
      ? {}
      : { hostRewriteSpecifier: { case: "hostRewriteLiteral", value: from.hostRewrite } }),
    ...(forwardsHost && rewritesHost(from) ? { appendXForwardedHost: true } : {}),
    requestMirrorPolicies: (from.mirrors ?? []).map(({ cluster, percent }) => ({
      cluster: clusterName(cluster),
      runtimeFraction: { defaultValue: fraction(percent) },
      traceSampled: false,
      // Copies are for the host that was asked for, as Istio has them (DISABLE_SHADOW_HOST_SUFFIX).
      disableShadowHostSuffixAppend: true,
    })),
    hashPolicy: (from.hash ?? []).map(hashPolicy),
  });
}

function rewritesHost({ hostRewrite, targets }: ir.Forward): boolean {
  return hostRewrite !== undefined || targets.some((target) => target.hostRewrite !== undefined);
}

function clusters(targets: readonly ir.WeightedTarget[]): NonNullable<ActionFields["clusterSpecifier"]> {
  const [only, ...others] = targets;
  const plain =
    only !== undefined &&
    others.length === 0 &&
    !only.requestHeaders &&
    !only.responseHeaders &&
    only.hostRewrite === undefined;
  if (plain) return { case: "cluster", value: clusterName(only.cluster) };
  return {
    case: "weightedClusters",
    value: {
      clusters: targets.map(({ cluster, weight, requestHeaders, responseHeaders, hostRewrite }) => ({
        name: clusterName(cluster),
        weight,
        ...headerChanges(requestHeaders, responseHeaders),
        ...(hostRewrite === undefined
          ? {}
          : { hostRewriteSpecifier: { case: "hostRewriteLiteral" as const, value: hostRewrite } }),
      })),
    },
  };
}

function rewrite(from: ir.Forward["rewrite"]): ActionFields {
  if (from === undefined) return {};
  return from.kind === "prefix"
    ? { prefixRewrite: from.value }
    : { regexRewrite: { pattern: { regex: from.pattern }, substitution: from.substitution } };
}

function retryPolicy(from: ir.RetryPolicy): RetryPolicy {
  const predicate = {
    name: "envoy.retry_host_predicates.previous_hosts",
    configType: { case: "typedConfig" as const, value: typed(PreviousHostsPredicateSchema, {}) },
  };
  return create(RetryPolicySchema, {
    numRetries: from.attempts,
    retryOn: from.retryOn,
    retriableStatusCodes: [...(from.statusCodes ?? [])],
    ...(from.hostSelectionAttempts > 0 ? { hostSelectionRetryMaxAttempts: BigInt(from.hostSelectionAttempts) } : {}),
    retryHostPredicate: from.avoidPreviousHosts ? [predicate] : [],
    ...(from.preferOtherPriorities
      ? {
          retryPriority: {
            name: "envoy.retry_priorities.previous_priorities",
            configType: { case: "typedConfig", value: typed(PreviousPrioritiesConfigSchema, { updateFrequency: 2 }) },
          },
        }
      : {}),
    ...optionalDuration("perTryTimeout", from.perTryTimeoutMs),
    ...(from.backoffMs === undefined ? {} : { retryBackOff: { baseInterval: duration(from.backoffMs) } }),
  });
}

function hashPolicy(from: ir.HashPolicy): NonNullable<ActionFields["hashPolicy"]>[number] {
  switch (from.kind) {
    case "header":
      return { policySpecifier: { case: "header", value: { headerName: from.name } } };
    case "cookie":
      return {
        policySpecifier: {
          case: "cookie",
          value: {
            name: from.name,
            path: from.path,
            ...optionalDuration("ttl", from.ttlMs),
            attributes: (from.attributes ?? []).map(({ name, value }) => ({ name, value })),
          },
        },
      };
    case "source-ip":
      return { policySpecifier: { case: "connectionProperties", value: { sourceIp: true } } };
    case "query":
      return { policySpecifier: { case: "queryParameter", value: { name: from.name } } };
  }
}

/** Fields of both routes and weighted clusters. */
export function headerChanges(request: ir.HeaderChanges | undefined, response: ir.HeaderChanges | undefined) {
  return {
    requestHeadersToAdd: puts(request),
    requestHeadersToRemove: [...(request?.remove ?? [])],
    responseHeadersToAdd: puts(response),
    responseHeadersToRemove: [...(response?.remove ?? [])],
  };
}

function puts(changes: ir.HeaderChanges | undefined) {
  return (changes?.put ?? []).map(({ name, value, append }) => ({
    header: { key: name, value },
    appendAction: append
      ? HeaderValueOption_HeaderAppendAction.APPEND_IF_EXISTS_OR_ADD
      : HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD,
    keepEmptyValue: value === "",
  }));
}

const redirectCodes: Readonly<Record<ir.Redirect["status"], RedirectAction_RedirectResponseCode>> = {
  301: RedirectAction_RedirectResponseCode.MOVED_PERMANENTLY,
  302: RedirectAction_RedirectResponseCode.FOUND,
  303: RedirectAction_RedirectResponseCode.SEE_OTHER,
  307: RedirectAction_RedirectResponseCode.TEMPORARY_REDIRECT,
  308: RedirectAction_RedirectResponseCode.PERMANENT_REDIRECT,
};

export function redirect(from: ir.Redirect): RedirectAction {
  return create(RedirectActionSchema, {
    responseCode: redirectCodes[from.status],
    hostRedirect: from.host ?? "",
    portRedirect: from.port ?? 0,
    ...(from.scheme === undefined ? {} : { schemeRewriteSpecifier: { case: "schemeRedirect", value: from.scheme } }),
    ...(from.path === undefined ? {} : { pathRewriteSpecifier: { case: "pathRedirect", value: from.path } }),
    ...(from.prefixRewrite === undefined
      ? {}
      : { pathRewriteSpecifier: { case: "prefixRewrite", value: from.prefixRewrite } }),
  });
}

export function directResponse({ status, body, bodyBase64 }: ir.Respond): DirectResponseAction {
  return create(DirectResponseActionSchema, {
    status,
    ...(body === undefined ? {} : { body: { specifier: { case: "inlineString", value: body } } }),
    ...(bodyBase64 === undefined
      ? {}
      : { body: { specifier: { case: "inlineBytes", value: base64Decode(bodyBase64) } } }),
  });
}
