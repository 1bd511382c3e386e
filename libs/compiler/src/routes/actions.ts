import { base64Encode } from "@bufbuild/protobuf/wire";
import type * as ir from "@lateen/ir";
import type { ObjectRef } from "@lateen/model";
import type { Context } from "../context.ts";
import { milliseconds } from "../durations.ts";
import type { DirectResponse, HttpDestination, HttpRedirect, HttpRule } from "../istio.ts";
import { isLookedUp } from "../lookups.ts";
import { resolveDestination } from "./destination.ts";
import { compileHeaders } from "./headers.ts";
import { compileRetry } from "./resilience.ts";

/** Where a rule is being compiled for. */
export interface RoutingSite {
  readonly port: number;
  /** `mesh`, or the gateways whose listener this is. */
  readonly gateways: ReadonlySet<string>;
  readonly tls: boolean;
  /** The VirtualService. */
  readonly rules: ObjectRef;
  /** Where the rule is written: there, or in a delegate. */
  readonly owner: ObjectRef;
}

export function compileAction(context: Context, rule: HttpRule, site: RoutingSite): ir.RouteAction {
  if (rule.redirect !== undefined) return compileRedirect(rule.redirect, site);
  if (rule.directResponse !== undefined) return compileResponse(rule.directResponse);
  return compileForward(context, rule, site);
}

function compileForward(context: Context, rule: HttpRule, site: RoutingSite): ir.Forward {
  // With several destinations, weight 0 means none of the requests.
  const chosen = rule.route.length === 1 ? rule.route : rule.route.filter((destination) => destination.weight > 0);
  const resolved = chosen.map((destination) => ({
    destination,
    ...resolveDestination(context, destination.destination, site),
  }));
  const hash = resolved.flatMap((target) => target.hash);
  const retry = compileRetry(rule.retries ?? context.settings.defaultRetry, hash.length > 0);
  const hostRewrite = rule.rewrite?.authority || compileHeaders(rule.headers).authority;
  const mirrors = compileMirrors(context, rule, site);
  return {
    kind: "forward",
    targets:
      resolved.length === 0
        ? [{ cluster: { kind: "black-hole" }, weight: 1 }]
        : resolved.map(({ destination, cluster }) => weightedTarget(destination, cluster, resolved.length === 1)),
    timeoutMs: rule.timeout === undefined ? 0 : milliseconds(rule.timeout),
    ...(retry === undefined ? {} : { retry }),
    ...compileRewrite(rule),
    ...(hostRewrite === undefined || hostRewrite === "" ? {} : { hostRewrite }),
    ...(hostRewrite && resolved.some(({ cluster }) => isLookedUp(context, cluster)) ? { lookupHost: hostRewrite } : {}),
    ...(mirrors.length > 0 ? { mirrors } : {}),
    ...(hash.length > 0 ? { hash } : {}),
    ...(resolved.length > 0 && resolved.every((target) => target.announceHttp) ? { announceHttp: true } : {}),
  };
}

function weightedTarget(destination: HttpDestination, cluster: ir.ClusterRef, only: boolean): ir.WeightedTarget {
  const { authority, ...headers } = compileHeaders(destination.headers);
  return {
    cluster,
    weight: only ? 1 : destination.weight,
    ...headers,
    ...(authority === undefined ? {} : { hostRewrite: authority }),
  };
}

function compileRewrite(rule: HttpRule): Pick<ir.Forward, "rewrite"> {
  const { rewrite } = rule;
  if (rewrite?.uriRegexRewrite !== undefined) {
    return {
      rewrite: { kind: "regex", pattern: rewrite.uriRegexRewrite.match, substitution: rewrite.uriRegexRewrite.rewrite },
    };
  }
  return rewrite === undefined || rewrite.uri === "" ? {} : { rewrite: { kind: "prefix", value: rewrite.uri } };
}

function compileMirrors(context: Context, rule: HttpRule, site: RoutingSite): readonly ir.Mirror[] {
  const percent = rule.mirrorPercentage?.value ?? rule.mirrorPercent;
  const single = rule.mirror === undefined ? [] : [{ destination: rule.mirror, percent }];
  const several = rule.mirrors.map(({ destination, percentage }) => ({ destination, percent: percentage?.value }));
  return [...single, ...several].flatMap(({ destination, percent = 100 }) => {
    const { cluster } = resolveDestination(context, destination, site);
    if (isLookedUp(context, cluster)) {
      context.findings.warn(
        site.owner,
        "mirror-not-looked-up",
        `mirrors to "${destination?.host ?? ""}" (resolution DYNAMIC_DNS), but only the host of the request itself is looked up; it is not mirrored there`,
      );
      return [];
    }
    return percent > 0 && cluster.kind === "outbound" ? [{ cluster, percent }] : [];
  });
}

function compileRedirect(redirect: HttpRedirect, site: RoutingSite): ir.Redirect {
  const { redirectCode, redirectPort, scheme, uri, prefixRewrite, authority } = redirect;
  const status =
    redirectCode === 302 || redirectCode === 303 || redirectCode === 307 || redirectCode === 308 ? redirectCode : 301;
  const fromRequest = 1;
  const port =
    redirectPort.case === "port"
      ? redirectPort.value
      : redirectPort.case === "derivePort" && redirectPort.value === fromRequest
        ? site.port
        : 0;
  const secure = (scheme || (site.tls ? "https" : "http")) === "https";
  return {
    kind: "redirect",
    status,
    ...(authority === "" ? {} : { host: authority }),
    ...(prefixRewrite === "" ? (uri === "" ? {} : { path: uri }) : { prefixRewrite }),
    ...(scheme === "" ? {} : { scheme }),
    // The scheme's own port is left unsaid.
    ...(port === 0 || port === (secure ? 443 : 80) ? {} : { port }),
  };
}

function compileResponse({ status, body }: DirectResponse): ir.Respond {
  switch (body?.specifier.case) {
    case "string":
      return { kind: "respond", status, body: body.specifier.value };
    case "bytes":
      return { kind: "respond", status, bodyBase64: base64Encode(body.specifier.value) };
    default:
      return { kind: "respond", status };
  }
}
