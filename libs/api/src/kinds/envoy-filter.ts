import { messageTypes } from "@lateen/protos/types";
import {
  EnvoyFilter_ApplyTo as ApplyTo,
  EnvoyFilter_Patch_FilterClass as FilterClass,
  EnvoyFilter_Patch_Operation as Operation,
  EnvoyFilterSchema,
} from "@lateen/protos/networking/v1alpha3/envoy_filter_pb.js";
import type {
  EnvoyFilter_EnvoyConfigObjectMatch as Match,
  EnvoyFilter_EnvoyConfigObjectPatch as ConfigPatch,
  EnvoyFilter_Patch as Patch,
} from "@lateen/protos/networking/v1alpha3/envoy_filter_pb.js";
import type { Cursor } from "../report.ts";
import { checkLabels } from "../rules/labels.ts";
import { checkTargets } from "../rules/target-refs.ts";
import { checkRegex } from "../rules/values.ts";
import { ageColumn, defineKind } from "./definition.ts";

const waypoints = "there are no waypoints yet; use GATEWAY, SIDECAR_INBOUND or SIDECAR_OUTBOUND";

export const envoyFilter = defineKind({
  group: "networking.istio.io",
  versions: ["v1alpha3"],
  storageVersion: "v1alpha3",
  kind: "EnvoyFilter",
  plural: "envoyfilters",
  shortNames: [],
  schema: EnvoyFilterSchema,
  columns: [ageColumn],
  notBuilt: [
    { path: "configPatches[].match.context=WAYPOINT", severity: "error", reason: waypoints },
    { path: "configPatches[].match.waypoint", severity: "error", reason: waypoints },
    { path: "configPatches[].match.listener.portName", reason: "Istio ignores it, too; use portNumber" },
  ],
  check(spec, at) {
    checkLabels(spec.workloadSelector?.labels ?? {}, at.at("workloadSelector", "labels"));
    checkTargets({ ...spec, selector: { field: "workloadSelector", value: spec.workloadSelector } }, at);
    if (spec.workloadSelector && Object.keys(spec.workloadSelector.labels).length === 0)
      at.at("workloadSelector").warning("empty", "has no labels: every workload of the namespace is meant");
    if (spec.configPatches.length === 0) at.at("configPatches").warning("empty", "changes nothing");
    for (const [index, each] of spec.configPatches.entries()) checkPatch(each, at.at("configPatches", index));
  },
});

type Side = "listener" | "routeConfiguration" | "cluster";

interface Target {
  /** What a value is a message of. */
  readonly message: string;
  /** The only match that says anything of it. */
  readonly match?: Side;
  readonly operations: readonly Operation[];
  /** Whether it is configured by an extension, which a new one must name. */
  readonly extension?: true;
  /** Where Envoy's own rules do not ask for a name. */
  readonly named?: true;
}

const { MERGE, ADD, REMOVE, INSERT_BEFORE, INSERT_AFTER, INSERT_FIRST, REPLACE } = Operation;
const merges = [MERGE, Operation.MERGE_AND_REPLACE_LIST];
/** Where order means nothing an insertion is an addition. */
const additions = [ADD, INSERT_BEFORE, INSERT_AFTER, INSERT_FIRST];
const everything = [...merges, ...additions, REMOVE, REPLACE];

const targets: Partial<Record<ApplyTo, Target>> = {
  [ApplyTo.LISTENER]: {
    message: "envoy.config.listener.v3.Listener",
    match: "listener",
    operations: [...merges, ...additions, REMOVE],
    named: true,
  },
  [ApplyTo.FILTER_CHAIN]: {
    message: "envoy.config.listener.v3.FilterChain",
    match: "listener",
    operations: [...merges, ...additions, REMOVE],
  },
  [ApplyTo.LISTENER_FILTER]: {
    message: "envoy.config.listener.v3.ListenerFilter",
    match: "listener",
    operations: everything,
    extension: true,
  },
  [ApplyTo.NETWORK_FILTER]: {
    message: "envoy.config.listener.v3.Filter",
    match: "listener",
    operations: everything,
    extension: true,
  },
  [ApplyTo.HTTP_FILTER]: {
    message: "envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter",
    match: "listener",
    operations: everything,
    extension: true,
  },
  [ApplyTo.ROUTE_CONFIGURATION]: {
    message: "envoy.config.route.v3.RouteConfiguration",
    match: "routeConfiguration",
    operations: merges,
  },
  [ApplyTo.VIRTUAL_HOST]: {
    message: "envoy.config.route.v3.VirtualHost",
    match: "routeConfiguration",
    operations: everything,
  },
  [ApplyTo.HTTP_ROUTE]: {
    message: "envoy.config.route.v3.Route",
    match: "routeConfiguration",
    operations: [...merges, ...additions, REMOVE],
  },
  [ApplyTo.CLUSTER]: {
    message: "envoy.config.cluster.v3.Cluster",
    match: "cluster",
    operations: [...merges, ...additions, REMOVE],
  },
  [ApplyTo.EXTENSION_CONFIG]: {
    message: "envoy.config.core.v3.TypedExtensionConfig",
    operations: [...additions, REPLACE],
    extension: true,
  },
  [ApplyTo.BOOTSTRAP]: { message: "envoy.config.bootstrap.v3.Bootstrap", operations: [MERGE] },
};

const configured = ["typed_config", "typedConfig", "config_discovery", "configDiscovery"];

function checkPatch({ applyTo, match, patch }: ConfigPatch, at: Cursor): void {
  if (applyTo === ApplyTo.INVALID) at.at("applyTo").error("required", "is required: what the patch changes");
  if (!patch) at.at("patch").error("required", "is required: operation and value");
  const target = targets[applyTo];
  if (!patch || !target) return;
  const name = ApplyTo[applyTo];
  checkOperation(patch, name, target, at.at("patch"));
  if (match) checkMatch(match, name, target, at.at("match"));
}

function checkOperation(patch: Patch, name: string, target: Target, at: Cursor): void {
  const { operation, value, filterClass } = patch;
  const operationName = Operation[operation];
  if (operation === Operation.INVALID) {
    at.at("operation").error("required", "is required: MERGE, ADD, REMOVE, …");
    return;
  }
  if (!target.operations.includes(operation)) {
    const able = target.operations.map((each) => Operation[each]).join(", ");
    at.at("operation").warning("no-effect", `${operationName} has no effect on ${name}; it takes ${able}`);
  }
  const orders = name === "HTTP_FILTER" || name === "NETWORK_FILTER";
  if (filterClass !== FilterClass.UNSPECIFIED && !(operation === ADD && orders))
    at.at("filterClass").warning("no-effect", "has an effect on ADD of HTTP_FILTER and NETWORK_FILTER only");
  if (operation === REMOVE) return;
  if (value) checkValue(value, !merges.includes(operation), target, at.at("value"));
  else at.at("value").error("required", `is required: what ${operationName} brings`);
}

function checkValue(value: NonNullable<Patch["value"]>, isNew: boolean, target: Target, at: Cursor): void {
  const schema = messageTypes.getMessage(target.message);
  if (schema !== undefined) at.read(schema, value, isNew ? "whole" : "given");
  if (isNew && target.extension && !configured.some((field) => field in value))
    at.error("required", 'needs typed_config with "@type": Envoy finds no extension by its name alone');
  if (isNew && target.named && (value["name"] ?? "") === "") at.error("required", "needs a name");
}

function checkMatch(match: Match, name: string, target: Target, at: Cursor): void {
  const { proxy, objectTypes } = match;
  if (proxy && proxy.proxyVersion !== "") checkRegex(proxy.proxyVersion, at.at("proxy", "proxyVersion"));
  if (objectTypes.case !== undefined && objectTypes.case !== "waypoint" && objectTypes.case !== target.match) {
    const fitting = target.match === undefined ? "leave it out" : `use ${target.match}`;
    at.at(objectTypes.case).error("conflict", `says nothing of ${name}; ${fitting}`);
  }
  if (objectTypes.case !== "listener") return;
  const filter = objectTypes.value.filterChain?.filter;
  const inFilter = at.at("listener", "filterChain", "filter");
  if (!filter) return;
  if (filter.name === "") inFilter.at("name").error("required", "is required: the filter's name");
  if (name === "LISTENER" || name === "FILTER_CHAIN")
    inFilter.warning("no-effect", `has no effect on ${name}, which holds filters`);
  if (!filter.subFilter) return;
  const inSub = inFilter.at("subFilter");
  if (filter.subFilter.name === "") inSub.at("name").error("required", "is required: the filter's name");
  if (name !== "HTTP_FILTER") inSub.error("conflict", "can be used with applyTo HTTP_FILTER only");
  else if (!/^envoy\.(filters\.network\.)?http_connection_manager$/.test(filter.name))
    inSub.error("conflict", "needs filter.name envoy.filters.network.http_connection_manager");
}
