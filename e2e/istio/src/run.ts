/**
 * `pnpm compare-istio [CASE …]`: what istiod sends the proxy of each case, against the goldens. Every difference must be
 * listed in `deliberate.ts` with its reason. With names of cases their differences are printed; `--groups` sums them up.
 */
import { readFile } from "node:fs/promises";
import { type Case, listCases } from "@lateen/testkit";
import { parse } from "yaml";
import { type Deliberate, deliberate, refusedByIstiod } from "./deliberate.ts";
import { type Difference, differencesOf } from "./differences.ts";
import { istioInput } from "./istio-input.ts";
import { askIstiod, type IstiodAnswer } from "./istiod.ts";
import type { Json } from "./json.ts";
import { istiodSays, NotHere } from "./programs.ts";

const types = ["cds", "eds", "lds", "rds", "ecds"] as const;
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const groups = process.argv.includes("--groups");
const used = new Set<Deliberate>();
let passed = 0;
let failed = 0;

const scenarios = (await listCases()).filter(({ name }) => wanted.length === 0 || wanted.includes(name));
try {
  const program = await istiodSays(console.log);
  const answers = await askIstiod(program, await Promise.all(scenarios.map(istioInput)));
  const all: Difference[] = [];
  for (const [index, scenario] of scenarios.entries()) all.push(...(await judge(scenario, answers[index])));
  if (groups) printGroups(all);
  for (const entry of wanted.length > 0 ? [] : deliberate.filter((one) => !used.has(one) && one.sometimes !== true))
    report(false, `${entry.where} no longer occurs: take it out of deliberate.ts`);
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
} catch (error) {
  if (!(error instanceof NotHere)) throw error;
  console.log(`not run: ${error.message}\n0 passed, 0 failed`);
}

async function judge(scenario: Case, answer: IstiodAnswer | undefined): Promise<readonly Difference[]> {
  const { name } = scenario;
  if (answer?.resources === undefined) {
    const why = refusedByIstiod[name];
    report(why !== undefined, `${name}: istiod refuses it: ${why ?? answer?.error?.slice(0, 400) ?? "no answer"}`);
    return [];
  }
  const found: Difference[] = [];
  for (const type of types)
    found.push(...differencesOf(type, answer.resources[type] ?? [], await golden(scenario, type)));
  const open = found.filter((difference) => !isDeliberate(name, difference));
  report(open.length === 0, `${name}: ${open.length} differences, ${found.length - open.length} deliberate ones`);
  if (!groups)
    for (const difference of open.slice(0, wanted.length > 0 ? Number.POSITIVE_INFINITY : 5)) print(difference);
  return open;
}

function isDeliberate(name: string, { where, istio, ours }: Difference): boolean {
  const says = (wanted: RegExp | undefined, value: Json | undefined): boolean =>
    wanted === undefined || wanted.test(JSON.stringify(value) ?? "nothing");
  const entry = deliberate.find(
    (one) =>
      one.where.test(where) && (one.cases?.includes(name) ?? true) && says(one.istio, istio) && says(one.ours, ours),
  );
  if (entry !== undefined) used.add(entry);
  return entry !== undefined;
}

function report(holds: boolean, line: string): void {
  if (holds) passed += 1;
  else failed += 1;
  console.log(`${holds ? "ok      " : "FAILED  "} ${line}`);
}

function print({ where, istio, ours }: Difference): void {
  console.log(`         ${where}\n           istiod ${short(istio)}\n           ours   ${short(ours)}`);
}

function short(value: Json | undefined): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 240 ? `${text.slice(0, 240)} …` : text;
}

/** What differs in the same way, the most frequent first. */
function printGroups(all: readonly Difference[]): void {
  const shape = ({ where, istio, ours }: Difference): string =>
    `${where.replace(/ .* /, " … ").replaceAll(/\[[^\]]*\]+/g, "[…]")}\n           istiod ${short(istio).replaceAll(/\d+/g, "N")}\n           ours   ${short(ours).replaceAll(/\d+/g, "N")}`;
  const grouped = [...Map.groupBy(all, shape)].toSorted(([, a], [, b]) => b.length - a.length);
  for (const [text, found] of grouped)
    console.log(`${found.length} × ${text}\n           e.g. ${found[0]?.where ?? ""}`);
}

async function golden(scenario: Case, type: string): Promise<readonly Json[]> {
  const text = await readFile(scenario.path(`xds/${type}.golden.yaml`), "utf8").catch(() => "");
  return (parse(text) as { readonly resources?: readonly Json[] } | null)?.resources ?? [];
}
