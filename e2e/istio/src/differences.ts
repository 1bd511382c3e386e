import { isObject, type Json, type JsonObject } from "./json.ts";

/** One place where two answers are not the same. `undefined`: it is not there. */
export interface Difference {
  /** `lds 0.0.0.0_9080 filter_chains[…].filters[envoy.filters.network.tcp_proxy].typed_config.cluster` */
  readonly where: string;
  readonly istio: Json | undefined;
  readonly ours: Json | undefined;
}

/** Of two lists of resources of one type (`cds`, …), paired by their names. */
export function differencesOf(type: string, istio: readonly Json[], ours: readonly Json[]): readonly Difference[] {
  const theirs = byName(istio.map((resource) => normal(resource)));
  const own = byName(ours.map((resource) => normal(resource)));
  return [...new Set([...theirs.keys(), ...own.keys()])].flatMap((name) =>
    compare(`${type} ${name} `, theirs.get(name), own.get(name)),
  );
}

/** The order of these says nothing. */
const sets = new Set(["domains", "application_protocols", "response_codes", "resource_names"]);

/** Among the ports on which an inspector is off, istiod names that of chains for all ports; no connection has it. */
const portZero = '{"destination_port_range":{"end":1}}';

/** The same for all ways to write the same: durations, the order of what is a set, the type of the whole resource. */
function normal(value: Json, key = "", top = true): Json {
  if (typeof value === "string") return /^\d+(\.\d+)?s$/.test(value) ? `${Number(value.slice(0, -1))}s` : value;
  if (Array.isArray(value)) {
    const items = (value as readonly Json[])
      .filter((item) => JSON.stringify(item) !== portZero)
      .map((item) => normal(item, "", false));
    return sets.has(key) ? items.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) : items;
  }
  if (!isObject(value)) return value;
  const [same] = [onlyOne(value), standardOutput(value), currentName(value), percentage(value)].filter(
    (one) => one !== undefined,
  );
  if (same !== undefined) return normal(same, key, top);
  const entries = Object.entries(value).filter(([name, item]) => item !== undefined && !(top && name === "@type"));
  return Object.fromEntries(
    entries.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, item]) => [name, normal(item as Json, name, false)]),
  );
}

/** Of a fraction in millionths: that in hundredths, which may have a fraction itself. */
function percentage({ numerator = 0, denominator }: JsonObject): JsonObject | undefined {
  return denominator === "MILLION" ? { numerator: Number(numerator) / 10_000 } : undefined;
}

/** Of a rule of RBAC that is "all of" or "one of" a single one: that one. */
function onlyOne(value: JsonObject): Json | undefined {
  const [[key, several] = ["", undefined], ...more] = Object.entries(value);
  if (more.length > 0 || !isObject(several)) return undefined;
  const list = several[/^(and|or)_rules$/.test(key) ? "rules" : /^(and|or)_ids$/.test(key) ? "ids" : ""];
  return Array.isArray(list) && list.length === 1 ? (list[0] as Json) : undefined;
}

function byName(resources: readonly Json[]): ReadonlyMap<string, Json> {
  return new Map(resources.map((resource, index) => [nameOf(resource) ?? String(index), resource]));
}

/** Of a log to the file /dev/stdout: Envoy's own logger for it, which also works where stdout is a socket. */
function standardOutput({ typed_config, ...rest }: JsonObject): JsonObject | undefined {
  if (!isObject(typed_config) || typed_config["path"] !== "/dev/stdout") return undefined;
  const { path: _path, ...config } = typed_config;
  const type = "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog";
  return { ...rest, name: "envoy.access_loggers.stdout", typed_config: { ...config, "@type": type } };
}

/** Envoy goes by the type of a typed_config, not by its name; this one was another once. */
function currentName(value: JsonObject): JsonObject | undefined {
  return value["name"] === "envoy.tcp_grpc_access_log"
    ? { ...value, name: "envoy.access_loggers.tcp_grpc" }
    : undefined;
}

/** Those of the same key, as two filters of a chain may be, are told apart by their order. */
function byKey(resources: readonly Json[]): ReadonlyMap<string, Json> {
  const found = new Map<string, Json>();
  for (const [index, resource] of resources.entries()) {
    const key = keyOf(resource) ?? String(index);
    let again = 1;
    while (found.has(again === 1 ? key : `${key}#${again}`)) again += 1;
    found.set(again === 1 ? key : `${key}#${again}`, resource);
  }
  return found;
}

/** What tells one item of a list from the others: its name, for a filter chain what it matches, for endpoints where they are. */
function keyOf(item: Json | undefined): string | undefined {
  if (!isObject(item)) return undefined;
  if (item["filters"] !== undefined) return written(item["filter_chain_match"]);
  if (item["lb_endpoints"] !== undefined || item["locality"] !== undefined)
    return `${written(item["priority"] ?? 0)} ${written(item["locality"])}`;
  if (isObject(item["endpoint"])) return written(item["endpoint"]["address"]);
  return nameOf(item);
}

function written(value: Json | undefined): string {
  return JSON.stringify(value ?? {}).replaceAll('"', "");
}

function nameOf(item: Json): string | undefined {
  const name = isObject(item) ? (item["name"] ?? item["cluster_name"]) : undefined;
  return typeof name === "string" ? name : undefined;
}

function compare(where: string, istio: Json | undefined, ours: Json | undefined): readonly Difference[] {
  if (JSON.stringify(istio) === JSON.stringify(ours)) return [];
  if (isObject(istio) && isObject(ours)) return compareObjects(where, istio, ours);
  if (Array.isArray(istio) && Array.isArray(ours))
    return (sets.has(where.replace(/^.*[. ]/, "")) ? compareSets : compareLists)(
      where,
      istio as Json[],
      ours as Json[],
    );
  return [{ where, istio, ours }];
}

function compareObjects(where: string, istio: JsonObject, ours: JsonObject): readonly Difference[] {
  const separator = where.endsWith(" ") ? "" : ".";
  return [...new Set([...Object.keys(istio), ...Object.keys(ours)])].flatMap((key) =>
    compare(`${where}${separator}${key}`, istio[key], ours[key]),
  );
}

function compareSets(where: string, istio: readonly Json[], ours: readonly Json[]): readonly Difference[] {
  const of = (item: Json): string => `${where}[${JSON.stringify(item)}]`;
  const missing = istio.filter((item) => !ours.includes(item));
  const added = ours.filter((item) => !istio.includes(item));
  return [
    ...missing.map((item) => ({ where: of(item), istio: item, ours: undefined })),
    ...added.map((item) => ({ where: of(item), istio: undefined, ours: item })),
  ];
}

/** By keys where all items have one, and their order counts: the first item that is elsewhere is a difference, too. */
function compareLists(where: string, istio: readonly Json[], ours: readonly Json[]): readonly Difference[] {
  if ([...istio, ...ours].some((item) => keyOf(item) === undefined))
    return Array.from({ length: Math.max(istio.length, ours.length) }, (_, index) =>
      compare(`${where}[${index}]`, istio[index], ours[index]),
    ).flat();
  const theirs = byKey(istio);
  const own = byKey(ours);
  const common = [...theirs.keys()].filter((key) => own.has(key));
  const order = [...own.keys()].filter((key) => theirs.has(key));
  const found = [...new Set([...theirs.keys(), ...own.keys()])].flatMap((key) =>
    compare(`${where}[${key}]`, theirs.get(key), own.get(key)),
  );
  const unordered = /virtual_hosts$|filter_chains$|endpoints$/.test(where) || common.join("\n") === order.join("\n");
  return unordered ? found : [...found, { where: `${where} (order)`, istio: common, ours: order }];
}
