import type { Finding } from "@lateen/model";
import type { Context } from "./context.ts";
import { Findings } from "./findings.ts";
import type { ServiceRecord } from "./index/service-record.ts";
import type { VisibleServices } from "./index/services.ts";

/** One thing a step has asked its context, in a form that can be asked again, and the answer. */
interface Read {
  readonly again: (context: Context) => unknown;
  readonly answer: unknown;
}

interface Result<Value> {
  readonly reads: readonly Read[];
  readonly value: Value;
  readonly findings: readonly Finding[];
}

/** Results of one subject that are kept: proxies that differ in what a step reads take turns. */
const kept = 4;

/**
 * A step of a compilation for one service, which runs again only if something that it read of its context would be
 * answered differently now: of a change, what it does not touch stays the same object, in every scope. What it reads is
 * observed, not declared. `variant`: what tells apart steps for one service, as the port or the namespace that asks.
 */
export function rememberedStep<Value>(
  step: (context: Context, service: ServiceRecord, variant: string) => Value,
): (context: Context, service: ServiceRecord, variant: string) => Value {
  const results = new WeakMap<ServiceRecord, Map<string, Result<Value>[]>>();
  return (context, service, variant) => {
    const variants = results.get(service) ?? new Map<string, Result<Value>[]>();
    results.set(service, variants);
    const earlier = variants.get(variant) ?? [];
    const known = earlier.find(({ reads }) => reads.every(({ again, answer }) => same(again(context), answer)));
    const result = known ?? observe(context, (observed) => step(observed, service, variant));
    if (earlier[0] !== result)
      variants.set(variant, [result, ...earlier.filter((each) => each !== result)].slice(0, kept));
    for (const finding of result.findings) context.findings.add(finding);
    return result.value;
  };
}

function observe<Value>(context: Context, step: (observed: Context) => Value): Result<Value> {
  const reads: Read[] = [];
  const ask = <Answer>(again: (context: Context) => Answer): Answer => {
    const answer = again(context);
    reads.push({ again, answer });
    return answer;
  };
  const findings = new Findings();
  const value = step(observedContext(context, ask, findings));
  return { reads, value, findings: findings.list() };
}

type Ask = <Answer>(again: (context: Context) => Answer) => Answer;

/** `context`, that tells `ask` of everything it is asked: in part where that is worth it, else as a whole. */
function observedContext(context: Context, ask: Ask, findings: Findings): Context {
  return {
    findings,
    scope: observedFields(context.scope, (field) => ask((each) => each.scope[field])),
    get snapshot() {
      return ask((each) => each.snapshot);
    },
    get settings() {
      return ask((each) => each.settings);
    },
    get view() {
      return ask((each) => each.view);
    },
    services: observedServices((of) => ask((each) => of(each.services))),
    listed: observedServices((of) => ask((each) => of(each.listed))),
    routing: {
      get all() {
        return ask((each) => each.routing.all);
      },
      rulesFor: (host) => ask((each) => each.routing.rulesFor(host)),
    },
    policyFor: (service) => ask((each) => each.policyFor(service)),
    endpointsOf: (service) => ask((each) => each.endpointsOf(service)),
    boundTo: (gateway) => ask((each) => each.boundTo(gateway)),
    clusters: observedMap((of) => ask((each) => of(each.clusters))),
  };
}

function observedServices(ask: <Answer>(of: (services: VisibleServices) => Answer) => Answer): VisibleServices {
  return {
    get all() {
      return ask((services) => services.all);
    },
    get byPort() {
      return ask((services) => services.byPort);
    },
    byHost: observedMap((of) => ask((services) => of(services.byHost))),
    find: (host) => ask((services) => services.find(host)),
  };
}

/** Its two cheap questions are asked one by one; whoever wants more reads the whole of it. */
function observedMap<Value>(
  ask: <Answer>(of: (map: ReadonlyMap<string, Value>) => Answer) => Answer,
): ReadonlyMap<string, Value> {
  const whole = (): ReadonlyMap<string, Value> => ask((map) => map);
  return {
    get: (key) => ask((map) => map.get(key)),
    has: (key) => ask((map) => map.has(key)),
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

/** By identity; lists element by element, and parts of a scope, which is made anew for each snapshot, by content. */
function same(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) return false;
  if (Array.isArray(left) && Array.isArray(right))
    return left.length === right.length && left.every((each, index) => each === right[index]);
  return isPlainText(left) && isPlainText(right) && JSON.stringify(left) === JSON.stringify(right);
}

/** A record of texts, as labels are: anything larger is compared by identity alone. */
function isPlainText(value: object): boolean {
  return Object.values(value).every((each) => typeof each === "string");
}
