import { resolveHost } from "@lateen/model";
import type { Finding, MeshObject } from "@lateen/model";
import { Findings } from "../findings.ts";
import type { Destination, HttpRule, VirtualService } from "../istio.ts";
import type { MeshSettings } from "../settings.ts";
import { delegatedRules } from "./delegated-rules.ts";
import { gatewayName } from "./gateway-name.ts";
import { byIdentity, byPair } from "./remember.ts";
import { isVisible } from "./visibility.ts";

type Rules = MeshObject<VirtualService>;

/** A VirtualService with the rules of those it delegates to in place of its own rule, so that nobody else has to know. */
export interface Delegating {
  readonly object: Rules;
  /** Of rules that stand in another object: that one. */
  readonly writtenIn: ReadonlyMap<HttpRule, Pick<Rules, "origin">>;
  /** Read from Ingresses: prefixes of paths end at a `/`, and hosts are whole names. */
  readonly ofIngress?: true;
  readonly findings: readonly Finding[];
}

interface Known {
  delegates: readonly (Rules | undefined)[];
  delegating: Delegating;
}

const plain = byIdentity((object: Rules): Delegating => ({ object, writtenIn: new Map(), findings: [] }));
const lastOf = byPair((_settings: MeshSettings, _object: Rules): { known?: Known } => ({}));

/** A VirtualService without hosts is only for others to delegate to. */
export function isDelegate({ spec }: Rules): boolean {
  return spec.hosts.length === 0;
}

/** The same object again as long as the VirtualService and those it names are the same. `all` is by `namespace/name`. */
export function withDelegates(settings: MeshSettings, object: Rules, all: ReadonlyMap<string, Rules>): Delegating {
  const { http } = object.spec;
  if (!http.some((rule) => rule.delegate !== undefined)) return plain(object);
  const delegates = http.map((rule) => (rule.delegate === undefined ? undefined : all.get(nameOf(object, rule))));
  const last = lastOf(settings, object);
  const { known } = last;
  if (known?.delegates.every((delegate, index) => delegate === delegates[index])) return known.delegating;
  const delegating = merge(settings, object, delegates);
  last.known = { delegates, delegating };
  return delegating;
}

function nameOf({ meta }: Rules, { delegate }: HttpRule): string {
  return `${delegate?.namespace || meta.namespace}/${delegate?.name ?? ""}`;
}

function merge(settings: MeshSettings, object: Rules, delegates: readonly (Rules | undefined)[]): Delegating {
  const findings = new Findings();
  const writtenIn = new Map<HttpRule, Rules>();
  const http = object.spec.http.flatMap((rule, index) => {
    if (rule.delegate === undefined) return [rule];
    const delegate = delegates[index];
    const problem = problemWith(settings, object, rule, delegate);
    if (problem !== undefined || delegate === undefined) {
      const message = `spec.http[${index}].delegate is left out: ${problem ?? ""}`;
      findings.error(object.origin, "delegate", message, delegate === undefined ? [] : [delegate.origin]);
      return [];
    }
    const root = withFullNames(rule, object.meta.namespace, settings.domain);
    return delegate.spec.http.flatMap((own, at) => {
      const merged = delegatedRules(root, withFullNames(own, delegate.meta.namespace, settings.domain));
      if (merged === undefined) {
        const message = `spec.http[${at}] is not applied: its match is not within that of spec.http[${index}] of "${object.meta.namespace}/${object.meta.name}", which delegates to it. Repeat the outer match or narrow it`;
        findings.warn(delegate.origin, "delegate-conflict", message, [object.origin]);
        return [];
      }
      writtenIn.set(merged, delegate);
      return [merged];
    });
  });
  return { object: { ...object, spec: { ...object.spec, http } }, writtenIn, findings: findings.list() };
}

function problemWith(
  settings: MeshSettings,
  object: Rules,
  rule: HttpRule,
  delegate: Rules | undefined,
): string | undefined {
  const name = `VirtualService "${nameOf(object, rule)}"`;
  if (delegate === undefined) return `there is no ${name}`;
  if (!isDelegate(delegate)) return `${name} has hosts, so it is none to delegate to. Remove its hosts`;
  const { exportTo } = delegate.spec;
  if (isVisible(exportTo, delegate.meta.namespace, object.meta.namespace, settings.exportTo.virtualServices))
    return undefined;
  return `${name} is not exported to "${object.meta.namespace}". Add that to its exportTo`;
}

/** Short names mean services of the namespace in which they are written. */
function withFullNames(rule: HttpRule, namespace: string, domain: string): HttpRule {
  const full = (destination: Destination): Destination => ({
    ...destination,
    host: resolveHost(destination.host, namespace, domain),
  });
  const inFull = <Target extends { readonly destination?: Destination | undefined }>(target: Target): Target =>
    target.destination === undefined ? target : { ...target, destination: full(target.destination) };
  return {
    ...rule,
    match: rule.match.map((match) => ({
      ...match,
      gateways: match.gateways.map((gateway) => gatewayName(gateway, namespace)),
    })),
    route: rule.route.map(inFull),
    mirrors: rule.mirrors.map(inFull),
    ...(rule.mirror === undefined ? {} : { mirror: full(rule.mirror) }),
  };
}
