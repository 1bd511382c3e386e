import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decodeSpec, summary } from "../testing/decode-text.ts";
import type { SpecCase } from "../testing/decode-text.ts";

const patch = (body: string): string => `configPatches:\n- ${body.trim().replaceAll("\n", "\n  ")}`;
const value = (applyTo: string, json: string): string =>
  patch(`applyTo: ${applyTo}\npatch: {operation: ADD, value: ${json}}`);
const merge = (applyTo: string, json: string): string =>
  patch(`applyTo: ${applyTo}\npatch: {operation: MERGE, value: ${json}}`);
const manager = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const lua = "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua";
const at = "spec.configPatches[0]";

const cases: readonly SpecCase[] = [
  [
    "a filter",
    value("HTTP_FILTER", `{name: a, typed_config: {"@type": "${lua}", default_source_code: {inline_string: x}}}`),
  ],
  ["both ways to write a field", value("CLUSTER", "{name: a, connectTimeout: 1s, lb_policy: RANDOM}")],
  [
    "numbers as text and enums as numbers",
    value("CLUSTER", '{name: a, lb_policy: 3, dns_lookup_family: "AUTO", per_connection_buffer_limit_bytes: "7"}'),
  ],
  [
    "a TypedStruct",
    value(
      "HTTP_FILTER",
      `{name: a, typed_config: {"@type": type.googleapis.com/udpa.type.v1.TypedStruct, type_url: "${lua}", value: {inline_code: x}}}`,
    ),
  ],
  ["nothing", "{}", "warning spec.configPatches empty"],
  ["no patch", patch("applyTo: CLUSTER"), `${at}.patch required`],
  ["no target", patch("patch: {operation: REMOVE}"), `${at}.applyTo required`],
  ["no operation", patch("applyTo: CLUSTER\npatch: {value: {}}"), `${at}.patch.operation required`],
  ["no value", patch("applyTo: CLUSTER\npatch: {operation: MERGE}"), `${at}.patch.value required`],
  ["a target that is none", patch("applyTo: CLUSTERS\npatch: {operation: REMOVE}"), `${at}.applyTo enum`],
  ["the bootstrap", patch("applyTo: BOOTSTRAP\npatch: {operation: MERGE, value: {stats_flush_interval: 1s}}")],
  [
    "an unknown field of the bootstrap",
    patch("applyTo: BOOTSTRAP\npatch: {operation: MERGE, value: {stats_flush: 1s}}"),
    `${at}.patch.value.stats_flush unknown-field`,
  ],
  [
    "an addition to the bootstrap",
    value("BOOTSTRAP", "{stats_flush_interval: 1s}"),
    `warning ${at}.patch.operation no-effect`,
  ],
  [
    "a match of something in the bootstrap",
    patch("applyTo: BOOTSTRAP\nmatch: {cluster: {name: a}}\npatch: {operation: MERGE, value: {}}"),
    `${at}.match.cluster conflict`,
  ],
  [
    "waypoints",
    patch("applyTo: CLUSTER\nmatch: {context: WAYPOINT}\npatch: {operation: REMOVE}"),
    `${at}.match.context not-built`,
  ],
  [
    "an unknown field",
    value("CLUSTER", "{name: a, conect_timeout: 1s}"),
    `${at}.patch.value.conect_timeout unknown-field`,
  ],
  [
    "a value of another type",
    value("CLUSTER", "{name: a, connect_timeout: 100ms}"),
    `${at}.patch.value.connect_timeout type`,
  ],
  ["a wrong enum", value("CLUSTER", "{name: a, lb_policy: FAIR}"), `${at}.patch.value.lb_policy enum`],
  [
    "an unknown type",
    value(
      "HTTP_FILTER",
      '{name: a, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Luna}}',
    ),
    `${at}.patch.value.typed_config["@type"] unknown-type`,
  ],
  [
    "an unknown field in an Any",
    value("HTTP_FILTER", `{name: a, typed_config: {"@type": "${lua}", inline: x}}`),
    `${at}.patch.value.typed_config.inline unknown-field`,
  ],
  [
    "an unknown field in a TypedStruct",
    value(
      "HTTP_FILTER",
      `{name: a, typed_config: {"@type": type.googleapis.com/xds.type.v3.TypedStruct, type_url: "${lua}", value: {inline: x}}}`,
    ),
    `${at}.patch.value.typed_config.value.inline unknown-field`,
  ],
  ["an extension by name alone", value("HTTP_FILTER", "{name: envoy.filters.http.cors}"), `${at}.patch.value required`],
  ["a cluster without a name", value("CLUSTER", "{connect_timeout: 1s}"), `${at}.patch.value.name required`],
  ["a listener without a name", value("LISTENER", "{}"), `${at}.patch.value required`],
  ["a cluster that is merged needs no name", merge("CLUSTER", "{connect_timeout: 1s}")],
  ["what Envoy holds too short", merge("CLUSTER", "{connect_timeout: 0s}"), `${at}.patch.value.connect_timeout range`],
  [
    "a number out of Envoy's bounds, in a list",
    merge("CLUSTER", "{dns_refresh_rate: 1s, health_checks: [{timeout: 1s, interval: 1s, healthy_threshold: 1}]}"),
    `${at}.patch.value.health_checks[0].unhealthy_threshold required`,
    `${at}.patch.value.health_checks[0] required`,
  ],
  [
    "a header without a name",
    merge("VIRTUAL_HOST", "{response_headers_to_add: [{header: {key: '', value: c}}]}"),
    `${at}.patch.value.response_headers_to_add[0].header.key range`,
  ],
  [
    "a route that does nothing",
    value("HTTP_ROUTE", "{name: a}"),
    `${at}.patch.value.match required`,
    `${at}.patch.value required`,
  ],
  [
    "a manager without what it needs",
    value(
      "NETWORK_FILTER",
      `{name: a, typed_config: {"@type": "${manager}", rds: {route_config_name: a}, max_request_headers_kb: 0}}`,
    ),
    `${at}.patch.value.typed_config.max_request_headers_kb range`,
    `${at}.patch.value.typed_config.stat_prefix required`,
  ],
  [
    "an operation without effect",
    patch("applyTo: ROUTE_CONFIGURATION\npatch: {operation: REMOVE}"),
    `warning ${at}.patch.operation no-effect`,
  ],
  [
    "a class without effect",
    patch("applyTo: CLUSTER\npatch: {operation: REMOVE, filterClass: AUTHZ}"),
    `warning ${at}.patch.filterClass no-effect`,
  ],
  [
    "a match of the wrong side",
    patch("applyTo: CLUSTER\nmatch: {listener: {portNumber: 80}}\npatch: {operation: REMOVE}"),
    `${at}.match.listener conflict`,
  ],
  [
    "a bad expression",
    patch("applyTo: CLUSTER\nmatch: {proxy: {proxyVersion: '('}}\npatch: {operation: REMOVE}"),
    `${at}.match.proxy.proxyVersion regex`,
  ],
  [
    "a filter within another than the manager",
    patch(
      "applyTo: HTTP_FILTER\nmatch: {listener: {filterChain: {filter: {name: a, subFilter: {name: b}}}}}\npatch: {operation: REMOVE}",
    ),
    `${at}.match.listener.filterChain.filter.subFilter conflict`,
  ],
  [
    "a Gateway to attach to",
    "targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: a}]",
    "warning spec.configPatches empty",
  ],
  [
    "a Gateway and a selector",
    "workloadSelector: {labels: {a: b}}\ntargetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: a}]",
    "spec.workloadSelector conflict",
    "warning spec.configPatches empty",
  ],
];

describe("EnvoyFilter", () => {
  for (const [name, spec, ...said] of cases)
    test(name, () => assert.deepEqual(summary(decodeSpec("EnvoyFilter", spec)), said));
});
