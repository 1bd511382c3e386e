import type { Finding } from "@lateen/model";
import type { Context, Sources } from "./context.ts";
import { Findings } from "./findings.ts";
import { append } from "./index/ordering.ts";
import { observedContext, questions } from "./observed-context.ts";
import type { Ask, Origin, Question } from "./observed-context.ts";

/** One thing a step has asked its context, in a form that can be asked again, and the answer. */
interface Read {
  readonly question: Question<never, unknown>;
  readonly subject: unknown;
  readonly answer: unknown;
}

type Reads = ReadonlyMap<Origin, readonly Read[]>;

interface Result<Value> {
  readonly reads: Reads;
  readonly value: Value;
  readonly findings: readonly Finding[];
}

/** Results of one subject that are kept: proxies that differ in what a step reads take turns. */
const kept = 4;

export interface StepOptions {
  /** What the step reads so much of that it runs again whenever anything of it has changed. */
  readonly whole?: readonly (keyof Sources)[];
}

/**
 * A step of a compilation about one subject, such as a service, which runs again only if something that it read of its
 * context would be answered differently now: of a change, what it does not touch stays the same object, in every scope.
 * What it reads is observed, not declared. `variant`: what tells apart steps about one subject, as the port or who asks.
 */
export function rememberedStep<Subject extends object, Value>(
  step: (context: Context, subject: Subject, variant: string) => Value,
  options: StepOptions = {},
): (context: Context, subject: Subject, variant: string) => Value {
  const resultOf = rememberedResults(step, options);
  return (context, subject, variant) => told(context, resultOf(context, subject, variant));
}

/**
 * A step for each of many subjects, whose results are looked through only for what has changed since the same list was
 * last asked about. `asker`: what tells apart those who ask about one list.
 */
export function rememberedSteps<Subject extends object, Value>(
  step: (context: Context, subject: Subject, variant: string) => Value,
): (
  context: Context,
  subjects: readonly Subject[],
  by: { readonly variant: string; readonly asker: string },
) => Value[] {
  const resultOf = rememberedResults(step, {});
  const lists = new WeakMap<readonly Subject[], Map<string, ListResult<Value>>>();
  return (context, subjects, { variant, asker }) => {
    const known = lists.get(subjects) ?? new Map<string, ListResult<Value>>();
    lists.set(subjects, known);
    const key = `${variant} ${asker}`;
    const last = known.get(key);
    const changed = last === undefined ? [] : changedOrigins(context, last.sources);
    const results = subjects.map((subject, index) => {
      const before = last?.results[index];
      const holds = before !== undefined && changed.every((origin) => stands(before.reads.get(origin), context));
      return holds ? before : resultOf(context, subject, variant);
    });
    known.set(key, { results, sources: sourcesOf(context) });
    return results.map((result) => told(context, result));
  };
}

interface ListResult<Value> {
  readonly results: readonly Result<Value>[];
  /** Of what the answers came. */
  readonly sources: ReadonlyMap<Origin, object>;
}

/** What gives the same answers as long as it is the same object. Empty inside another step, which wants to see it all. */
function sourcesOf({
  sources,
  scope,
  settings,
  services,
  listed,
  routing,
  clusters,
}: Context): ListResult<never>["sources"] {
  if (sources === undefined) return new Map();
  const all = { scope, settings, services, listed, rules: routing, clusters, ...sources };
  return new Map(Object.entries(all) as [Origin, object][]);
}

const origins: readonly Origin[] = [
  ...(["scope", "snapshot", "view", "settings", "services", "listed", "rules", "clusters"] as const),
  ...(["policies", "endpoints", "bound"] as const),
];

function changedOrigins(context: Context, before: ListResult<never>["sources"]): readonly Origin[] {
  const now = sourcesOf(context);
  return origins.filter((origin) => now.get(origin) === undefined || now.get(origin) !== before.get(origin));
}

function rememberedResults<Subject extends object, Value>(
  step: (context: Context, subject: Subject, variant: string) => Value,
  { whole = [] }: StepOptions,
): (context: Context, subject: Subject, variant: string) => Result<Value> {
  const results = new WeakMap<Subject, Map<string, Result<Value>[]>>();
  return (context, subject, variant) => {
    const variants = results.get(subject) ?? new Map<string, Result<Value>[]>();
    results.set(subject, variants);
    const earlier = variants.get(variant) ?? [];
    const known = earlier.find(({ reads }) => reads.values().every((list) => stands(list, context)));
    const result = known ?? observe(context, (observed) => step(observed, subject, variant), whole);
    if (earlier[0] !== result)
      variants.set(variant, [result, ...earlier.filter((each) => each !== result)].slice(0, kept));
    return result;
  };
}

function told<Value>(context: Context, { value, findings }: Result<Value>): Value {
  for (const finding of findings) context.findings.add(finding);
  return value;
}

function stands(reads: readonly Read[] | undefined, context: Context): boolean {
  return (
    reads === undefined ||
    reads.every(({ question, subject, answer }) => same(question(context, subject as never), answer))
  );
}

function observe<Value>(
  context: Context,
  step: (observed: Context) => Value,
  whole: readonly (keyof Sources)[],
): Result<Value> {
  const reads = new Map<Origin, Read[]>(whole.map((origin) => [origin, readsOfWhole(context, origin)]));
  const asked = new Map<Question<never, unknown>, Map<unknown, unknown>>();
  const ask: Ask = (origin, question, subject) => {
    const answers = asked.get(question) ?? new Map<unknown, unknown>();
    asked.set(question, answers);
    if (answers.has(subject)) return answers.get(subject) as never;
    const answer = question(context, subject);
    answers.set(subject, answer);
    if (!(whole as readonly Origin[]).includes(origin)) append(reads, origin, { question, subject, answer });
    return answer;
  };
  const findings = new Findings();
  const value = step(observedContext(context, ask, findings));
  return { reads, value, findings: findings.list() };
}

/** Some answers depend on who asks. */
function readsOfWhole(context: Context, origin: keyof Sources): Read[] {
  return [
    { question: questions.source, subject: origin, answer: questions.source(context, origin) },
    { question: questions.who, subject: "", answer: questions.who(context) },
  ];
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
  return (
    Object.getPrototypeOf(value) === Object.prototype && Object.values(value).every((each) => typeof each === "string")
  );
}
