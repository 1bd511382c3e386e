import { base64Decode } from "@bufbuild/protobuf/wire";
import { HeaderValueOption_HeaderAppendAction } from "@lateen/protos/envoy/config/core/v3/base_pb.js";
import {
  type RedirectActionSchema,
  RedirectAction_RedirectResponseCode,
  type RetryPolicySchema,
  type RouteAction_HashPolicySchema,
  type RouteActionSchema,
  type RouteSchema,
  type WeightedCluster_ClusterWeightSchema,
} from "@lateen/protos/envoy/config/route/v3/route_components_pb.js";
import { PreviousHostsPredicateSchema } from "@lateen/protos/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js";
import { PreviousPrioritiesConfigSchema } from "@lateen/protos/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config_pb.js";
import type { ir } from "./ir.ts";
import { clusterName } from "./naming.ts";
import { duration, extension, fraction, unreachable, type Init } from "./spelling.ts";

type RouteInit = Init<typeof RouteSchema>;
type ForwardInit = Init<typeof RouteActionSchema>;
type TargetInit = Init<typeof WeightedCluster_ClusterWeightSchema>;

export function buildAction(action: ir.RouteAction): NonNullable<RouteInit["action"]> {
  switch (action.kind) {
    case "forward":
      return { case: "route", value: buildForward(action) };
    case "redirect":
      return { case: "redirect", value: buildRedirect(action) };
    case "respond":
      return { case: "directResponse", value: { status: action.status, ...buildBody(action) } };
    default:
      return unreachable(action);
  }
}

function buildForward(action: ir.Forward): ForwardInit {
  const { rewrite, hostRewrite } = action;
  return {
    clusterSpecifier: buildTargets(action.targets),
    timeout: duration(action.timeoutMs),
    // gRPC clients may ask for less, never for more: https://github.com/istio/istio/issues/25748
    maxStreamDuration: {
      maxStreamDuration: duration(action.timeoutMs),
      grpcTimeoutHeaderMax: duration(action.timeoutMs),
    },
    ...(action.retry && { retryPolicy: buildRetry(action.retry) }),
    ...(rewrite?.kind === "prefix" && { prefixRewrite: rewrite.value }),
    ...(rewrite?.kind === "regex" && {
      regexRewrite: { pattern: { regex: rewrite.pattern }, substitution: rewrite.substitution },
    }),
    ...(hostRewrite !== undefined && { hostRewriteSpecifier: { case: "hostRewriteLiteral", value: hostRewrite } }),
    requestMirrorPolicies: (action.mirrors ?? []).map((mirror) => ({
      cluster: clusterName(mirror.cluster),
      runtimeFraction: { defaultValue: fraction(mirror.percent) },
      traceSampled: false,
    })),
    hashPolicy: (action.hash ?? []).map(buildHash),
  };
}

/** One plain target is a cluster; anything more needs Envoy's weighted form. */
function buildTargets(targets: readonly ir.WeightedTarget[]): NonNullable<ForwardInit["clusterSpecifier"]> {
  const [only, ...others] = targets;
  const isPlain = only && others.length === 0 && !only.requestHeaders && !only.responseHeaders && !only.hostRewrite;
  if (isPlain) return { case: "cluster", value: clusterName(only.cluster) };
  return { case: "weightedClusters", value: { clusters: targets.map(buildTarget) } };
}

function buildTarget(target: ir.WeightedTarget): TargetInit {
  return {
    name: clusterName(target.cluster),
    weight: target.weight,
    ...headerChanges(target),
    ...(target.hostRewrite !== undefined && {
      hostRewriteSpecifier: { case: "hostRewriteLiteral", value: target.hostRewrite },
    }),
  };
}

/** The four header fields that routes and weighted clusters share. */
export function headerChanges(changes: {
  readonly requestHeaders?: ir.HeaderChanges;
  readonly responseHeaders?: ir.HeaderChanges;
}) {
  return {
    requestHeadersToAdd: (changes.requestHeaders?.put ?? []).map(putHeader),
    requestHeadersToRemove: [...(changes.requestHeaders?.remove ?? [])],
    responseHeadersToAdd: (changes.responseHeaders?.put ?? []).map(putHeader),
    responseHeadersToRemove: [...(changes.responseHeaders?.remove ?? [])],
  };
}

function putHeader({
  name,
  value,
  append,
}: {
  readonly name: string;
  readonly value: string;
  readonly append: boolean;
}) {
  const { APPEND_IF_EXISTS_OR_ADD, OVERWRITE_IF_EXISTS_OR_ADD } = HeaderValueOption_HeaderAppendAction;
  return {
    header: { key: name, value },
    appendAction: append ? APPEND_IF_EXISTS_OR_ADD : OVERWRITE_IF_EXISTS_OR_ADD,
    keepEmptyValue: value === "",
  };
}

function buildRetry(retry: ir.RetryPolicy): Init<typeof RetryPolicySchema> {
  return {
    retryOn: retry.retryOn,
    numRetries: retry.attempts,
    retriableStatusCodes: [...(retry.statusCodes ?? [])],
    ...(retry.perTryTimeoutMs !== undefined && { perTryTimeout: duration(retry.perTryTimeoutMs) }),
    ...(retry.backoffMs !== undefined && { retryBackOff: { baseInterval: duration(retry.backoffMs) } }),
    ...(retry.hostSelectionAttempts > 0 && { hostSelectionRetryMaxAttempts: BigInt(retry.hostSelectionAttempts) }),
    ...(retry.avoidPreviousHosts && {
      retryHostPredicate: [extension("envoy.retry_host_predicates.previous_hosts", PreviousHostsPredicateSchema, {})],
    }),
    ...(retry.preferOtherPriorities === true && {
      retryPriority: extension("envoy.retry_priorities.previous_priorities", PreviousPrioritiesConfigSchema, {
        updateFrequency: 2,
      }),
    }),
  };
}

function buildHash(hash: ir.HashPolicy): Init<typeof RouteAction_HashPolicySchema> {
  switch (hash.kind) {
    case "header":
      return { policySpecifier: { case: "header", value: { headerName: hash.name } } };
    case "cookie":
      return {
        policySpecifier: {
          case: "cookie",
          value: { name: hash.name, path: hash.path, ...(hash.ttlMs !== undefined && { ttl: duration(hash.ttlMs) }) },
        },
      };
    case "source-ip":
      return { policySpecifier: { case: "connectionProperties", value: { sourceIp: true } } };
    case "query":
      return { policySpecifier: { case: "queryParameter", value: { name: hash.name } } };
    default:
      return unreachable(hash);
  }
}

const redirectCodes = {
  301: RedirectAction_RedirectResponseCode.MOVED_PERMANENTLY,
  302: RedirectAction_RedirectResponseCode.FOUND,
  303: RedirectAction_RedirectResponseCode.SEE_OTHER,
  307: RedirectAction_RedirectResponseCode.TEMPORARY_REDIRECT,
  308: RedirectAction_RedirectResponseCode.PERMANENT_REDIRECT,
} as const;

function buildRedirect(redirect: ir.Redirect): Init<typeof RedirectActionSchema> {
  const { path, prefixRewrite, scheme, host, port } = redirect;
  return {
    responseCode: redirectCodes[redirect.status],
    ...(host !== undefined && { hostRedirect: host }),
    ...(port !== undefined && { portRedirect: port }),
    ...(scheme !== undefined && { schemeRewriteSpecifier: { case: "schemeRedirect", value: scheme } }),
    ...(path !== undefined && { pathRewriteSpecifier: { case: "pathRedirect", value: path } }),
    ...(prefixRewrite !== undefined && { pathRewriteSpecifier: { case: "prefixRewrite", value: prefixRewrite } }),
  };
}

function buildBody({ body, bodyBase64 }: ir.Respond) {
  if (body !== undefined) return { body: { specifier: { case: "inlineString", value: body } } } as const;
  if (bodyBase64 === undefined) return {};
  const value = base64Decode(bodyBase64);
  return { body: { specifier: { case: "inlineBytes", value } } } as const;
}
