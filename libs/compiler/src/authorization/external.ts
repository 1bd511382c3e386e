import type * as ir from "@lateen/ir";
import { compareText, sortedRecord } from "@lateen/model";
import { requires } from "../context.ts";
import type { Context } from "../context.ts";
import { milliseconds } from "../durations.ts";
import type { ExtensionProvider } from "../istio.ts";
import { mixerPolicyCluster, providerCluster } from "../providers.ts";
import { ruleSet } from "./rule-sets.ts";
import type { Policies } from "./rule-sets.ts";
import { valueMatch } from "./string-match.ts";

/** The provider that is there without any MeshConfig: the mesh's own policy service. */
export const builtInProvider = "lateen-policy";
const defaultTimeoutMs = 600_000;
const extAuthz = { http: "envoy.filters.http.ext_authz", tcp: "envoy.filters.network.ext_authz" } as const;

type GrpcProvider = Extract<ExtensionProvider["provider"], { case: "envoyExtAuthzGrpc" }>["value"];
type HttpProvider = Extract<ExtensionProvider["provider"], { case: "envoyExtAuthzHttp" }>["value"];

/** CUSTOM policies by provider. Where a provider cannot be asked, the requests it would decide on are refused. */
export function externalAuthorizations(
  context: Context,
  policies: Policies,
  forTcp: boolean,
): readonly ir.ExternalAuthorization[] {
  const byProvider = new Map<string, Policies[number][]>();
  for (const policy of policies) {
    const name = policy.spec.actionDetail.case === "provider" ? policy.spec.actionDetail.value.name : "";
    byProvider.set(name, [...(byProvider.get(name) ?? []), policy]);
  }
  return [...byProvider]
    .sort(([left], [right]) => compareText(left, right))
    .flatMap(([name, own]) => authorizationBy(context, { name, policies: own, forTcp }));
}

interface Asked {
  readonly name: string;
  readonly policies: Policies;
  readonly forTcp: boolean;
}

function authorizationBy(context: Context, { name, policies, forTcp }: Asked): readonly ir.ExternalAuthorization[] {
  const settings = providerOf(context, name, policies, forTcp);
  if (settings === "not-concerned") return [];
  const prefix = name === "" ? rulePrefix : `${rulePrefix}${name}-`;
  const rules = ruleSet(context, policies, "deny", forTcp, prefix);
  if (settings !== undefined) return [{ kind: "ask", provider: name, prefix: `${prefix}ns[`, rules, ...settings }];
  return [{ kind: "refuse", provider: name, rules: { ...rules, rules: rules.rules.map(unasked) } }];
}

/** Access logs name the rule that refused a request: https://github.com/istio/istio/blob/master/pilot/pkg/security/authz/builder/extauthz.go */
const rulePrefix = "istio-ext-authz-";
const unasked = (rule: ir.PolicyRule): ir.PolicyRule => ({ ...rule, id: `${rule.id}-deny-due-to-bad-CUSTOM-action` });

type ProviderSettings = Omit<ir.AskedAuthorization, "kind" | "provider" | "prefix" | "rules">;

/** Undefined: it cannot be asked. */
function providerOf(
  context: Context,
  name: string,
  policies: Policies,
  forTcp: boolean,
): ProviderSettings | "not-concerned" | undefined {
  const [first] = policies;
  if (first === undefined) return undefined;
  const filter = forTcp ? extAuthz.tcp : extAuthz.http;
  if (!requires(context, filter, first.origin, "what it decides on is refused")) return undefined;
  const provider = context.settings.providers.get(name)?.provider;
  switch (provider?.case) {
    case "envoyExtAuthzGrpc":
      return grpcProvider(context, name, provider.value, first.origin);
    case "envoyExtAuthzHttp":
      return forTcp
        ? notConcerned(context, name, first.origin)
        : httpProvider(context, name, provider.value, first.origin);
    default:
      return name === builtInProvider
        ? builtIn(context, name, first.origin)
        : refused(
            context,
            name,
            first.origin,
            "is not defined in MeshConfig.extensionProviders as an external authorizer",
          );
  }
}

/** As in Istio. */
function notConcerned(context: Context, name: string, owner: Policies[number]["origin"]): "not-concerned" {
  context.findings.info(
    owner,
    "provider-not-asked",
    `the provider "${name}" speaks HTTP: it is asked about requests, and not about connections to ports that are not HTTP. To refuse those, add a policy with action DENY for their ports`,
  );
  return "not-concerned";
}

function refused(context: Context, name: string, owner: Policies[number]["origin"], problem: string): undefined {
  context.findings.error(
    owner,
    "provider-unusable",
    `the provider "${name}" ${problem}; what it would decide on is refused`,
  );
  return undefined;
}

function builtIn(context: Context, name: string, owner: Policies[number]["origin"]): ProviderSettings | undefined {
  const cluster = mixerPolicyCluster(context);
  if (cluster === undefined)
    return refused(context, name, owner, "is the mesh's policy service, which does not run here");
  return {
    service: { kind: "grpc", cluster, authority: cluster.host, timeoutMs: defaultTimeoutMs },
    failOpen: false,
    clearRouteCache: false,
  };
}

function grpcProvider(
  context: Context,
  name: string,
  provider: GrpcProvider,
  owner: Policies[number]["origin"],
): ProviderSettings | undefined {
  const cluster = providerCluster(context, provider);
  if (cluster === undefined)
    return refused(
      context,
      name,
      owner,
      `names the service "${provider.service}" port ${provider.port}, which this proxy cannot see`,
    );
  return {
    service: { kind: "grpc", cluster, authority: cluster.host, timeoutMs: timeoutOf(provider) },
    ...sharedSettings(provider),
  };
}

function httpProvider(
  context: Context,
  name: string,
  provider: HttpProvider,
  owner: Policies[number]["origin"],
): ProviderSettings | undefined {
  const cluster = providerCluster(context, provider);
  if (cluster === undefined)
    return refused(
      context,
      name,
      owner,
      `names the service "${provider.service}" port ${provider.port}, which this proxy cannot see`,
    );
  const headers = (names: readonly string[]): readonly ir.StringMatch[] =>
    names.map((one) => valueMatch(one, "", true));
  return {
    service: {
      kind: "http",
      cluster,
      host: cluster.host,
      timeoutMs: timeoutOf(provider),
      pathPrefix: provider.pathPrefix,
      requestHeaders: headers([...provider.includeRequestHeadersInCheck, ...provider.includeHeadersInCheck]),
      addedHeaders: sortedRecord(provider.includeAdditionalHeadersInCheck),
      upstreamHeadersOnAllow: headers(provider.headersToUpstreamOnAllow),
      downstreamHeadersOnDeny: headers(provider.headersToDownstreamOnDeny),
      downstreamHeadersOnAllow: headers(provider.headersToDownstreamOnAllow),
    },
    ...sharedSettings(provider),
  };
}

function timeoutOf(provider: GrpcProvider | HttpProvider): number {
  return provider.timeout === undefined ? defaultTimeoutMs : milliseconds(provider.timeout);
}

function sharedSettings(provider: GrpcProvider | HttpProvider): Omit<ProviderSettings, "service"> {
  const body = provider.includeRequestBodyInCheck;
  const status = Number(provider.statusOnError);
  return {
    failOpen: provider.failOpen,
    clearRouteCache: provider.clearRouteCache,
    ...(Number.isInteger(status) && status > 0 ? { statusOnError: status } : {}),
    ...(body === undefined
      ? {}
      : {
          body: { maxBytes: body.maxRequestBytes, allowPartial: body.allowPartialMessage, asBytes: body.packAsBytes },
        }),
  };
}
