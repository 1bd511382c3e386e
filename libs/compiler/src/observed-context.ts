import { containsExtension } from "./binary.ts";
import type { Context, Sources } from "./context.ts";
import type { EnvoyFeature } from "./envoy-features.ts";
import type { Findings } from "./findings.ts";
import type { ServiceRecord } from "./index/service-record.ts";
import type { VisibleServices } from "./index/services.ts";
import { callerKey } from "./scope.ts";
import type { ProxyScope } from "./scope.ts";

/** What can be asked of a context about a subject. Functions of a module: a closure would hold on to a whole mesh. */
export type Question<Subject, Answer> = (context: Context, subject: Subject) => Answer;

/** Where an answer comes from. */
export type Origin =
  | "scope"
  | "snapshot"
  | "view"
  | "settings"
  | "services"
  | "listed"
  | "rules"
  | "clusters"
  | keyof Sources;

/** Asks the context something about a subject and takes it down, unless it has been asked before. */
export type Ask = <Subject, Answer>(origin: Origin, question: Question<Subject, Answer>, subject: Subject) => Answer;

type List = "services" | "listed";

export const questions = {
  source: ({ sources }: Context, origin: keyof Sources) => sources?.[origin],
  who: ({ scope }: Context) => callerKey(scope),
  scope: ({ scope }: Context, field: keyof ProxyScope) => scope[field],
  extension: ({ scope }: Context, name: string) => containsExtension(scope, name),
  feature: ({ scope }: Context, name: EnvoyFeature) => scope.features.includes(name),
  snapshot: ({ snapshot }: Context, field: keyof Context["snapshot"]) => snapshot[field],
  view: ({ view }: Context, field: keyof Context["view"]) => view[field],
  settings: ({ settings }: Context) => settings,
  allRules: ({ routing }: Context) => routing.all,
  rulesFor: ({ routing }: Context, host: string) => routing.rulesFor(host),
  policyFor: (context: Context, service: ServiceRecord) => context.policyFor(service),
  endpointsOf: (context: Context, service: ServiceRecord) => context.endpointsOf(service),
  boundTo: (context: Context, gateway: string) => context.boundTo(gateway),
  cluster: ({ clusters }: Context, key: string) => clusters.get(key),
  hasCluster: ({ clusters }: Context, key: string) => clusters.has(key),
  allClusters: ({ clusters }: Context) => clusters,
} as const;

const questionsOfLists = {
  services: questionsOf("services"),
  listed: questionsOf("listed"),
} as const;

function questionsOf(list: List) {
  return {
    all: (context: Context) => context[list].all,
    byPort: (context: Context) => context[list].byPort,
    byHost: (context: Context) => context[list].byHost,
    find: (context: Context, host: string) => context[list].find(host),
    at: (context: Context, host: string) => context[list].byHost.get(host),
    has: (context: Context, host: string) => context[list].byHost.has(host),
  };
}

/** `context`, that tells `ask` of everything it is asked: in part where that is worth it, else as a whole. */
export function observedContext(context: Context, ask: Ask, findings: Findings): Context {
  return {
    findings,
    sources: undefined, // what is asked must come through here
    scope: observedScope(context.scope, ask),
    snapshot: observedFields(context.snapshot, (field) => ask("snapshot", questions.snapshot, field) as never),
    view: observedFields(context.view, (field) => ask("view", questions.view, field) as never),
    get settings() {
      return ask("settings", questions.settings, "");
    },
    services: observedServices("services", ask),
    listed: observedServices("listed", ask),
    routing: {
      get all() {
        return ask("rules", questions.allRules, "");
      },
      rulesFor: (host) => ask("rules", questions.rulesFor, host),
    },
    policyFor: (service) => ask("policies", questions.policyFor, service),
    endpointsOf: (service) => ask("endpoints", questions.endpointsOf, service),
    boundTo: (gateway) => ask("bound", questions.boundTo, gateway),
    clusters: {
      get: (key) => ask("clusters", questions.cluster, key),
      has: (key) => ask("clusters", questions.hasCluster, key),
      values: () => ask("clusters", questions.allClusters, "").values(),
    },
  };
}

/** Of what a binary contains only what is looked for counts: proxies of different releases have most steps in common. */
function observedScope(scope: ProxyScope, ask: Ask): ProxyScope {
  const extensions = { includes: (name: string) => ask("scope", questions.extension, name) };
  const features = { includes: (name: EnvoyFeature) => ask("scope", questions.feature, name) };
  return observedFields(scope, (field): never => {
    if (field === "extensions") return extensions as never;
    if (field === "features") return features as never;
    return ask("scope", questions.scope, field) as never;
  });
}

function observedServices(list: List, ask: Ask): VisibleServices {
  const { all, byPort, find } = questionsOfLists[list];
  return {
    get all() {
      return ask(list, all, "");
    },
    get byPort() {
      return ask(list, byPort, "");
    },
    byHost: observedHosts(list, ask),
    find: (host) => ask(list, find, host),
  };
}

/** Its two cheap questions are asked one by one; whoever wants more reads the whole of it. */
function observedHosts(list: List, ask: Ask): VisibleServices["byHost"] {
  const { byHost, at, has } = questionsOfLists[list];
  const whole = (): VisibleServices["byHost"] => ask(list, byHost, "");
  return {
    get: (host) => ask(list, at, host),
    has: (host) => ask(list, has, host),
    get size() {
      return whole().size;
    },
    forEach: (visit) => whole().forEach(visit),
    entries: () => whole().entries(),
    keys: () => whole().keys(),
    values: () => whole().values(),
    [Symbol.iterator]: () => whole()[Symbol.iterator](),
  };
}

function observedFields<Fields extends object>(
  fields: Fields,
  ask: <Key extends keyof Fields>(key: Key) => Fields[Key],
): Fields {
  return new Proxy(fields, {
    get: (_target, key) => ask(key as keyof Fields),
    has(target, key) {
      ask(key as keyof Fields);
      return key in target;
    },
    ownKeys(target) {
      for (const key of Reflect.ownKeys(target)) ask(key as keyof Fields);
      return Reflect.ownKeys(target);
    },
  });
}
