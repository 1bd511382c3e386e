import type { HttpAnswer } from "@lateen/e2e-harness";
import type { FeatureContext } from "./feature.ts";

export const types = "type.googleapis.com";
export const manager = "envoy.filters.network.http_connection_manager";

/** An EnvoyFilter of the row's. */
export function envoyFilter(
  row: FeatureContext,
  patches: readonly object[],
  more: object = {},
  suffix = "filter",
): object {
  return {
    apiVersion: "networking.istio.io/v1alpha3",
    kind: "EnvoyFilter",
    metadata: row.named(suffix),
    spec: { configPatches: patches, ...more },
  };
}

/** A Lua filter that runs `code` on every response: `handle` is what it has of it. */
export function luaOnResponse(name: string, code: string): object {
  const source = `function envoy_on_response(handle) ${code} end`;
  return {
    name,
    typed_config: {
      "@type": `${types}/envoy.extensions.filters.http.lua.v3.Lua`,
      default_source_code: { inline_string: source },
    },
  };
}

/** A Lua filter that adds to the response header `x-row`. */
export function marker(value: string): object {
  return luaOnResponse(`mark.${value}`, `handle:headers():add("x-row", "${value}")`);
}

export function directResponse(text: string): object {
  return {
    name: "envoy.filters.network.direct_response",
    typed_config: {
      "@type": `${types}/envoy.extensions.filters.network.direct_response.v3.Config`,
      response: { inline_string: text },
    },
  };
}

/** The row's Service `own` on a port of the row's alone: a listener and a route table that no other row has. */
export function ownService(row: FeatureContext, portName = "http"): readonly object[] {
  return row.service({ suffix: "own", port: row.ports(0), portName, to: [row.workload("reviews", "v1")] });
}

export function ownHost(row: FeatureContext): string {
  return row.host.replace(row.slug, `${row.slug}-own`);
}

/** As the program beside the frontend's proxy calls the row's own Service. */
export function askOwn(
  row: FeatureContext,
  path = "/",
  headers: Readonly<Record<string, string>> = {},
): Promise<HttpAnswer> {
  return row.ask({ port: row.ports(0), host: `${ownHost(row)}:${row.ports(0)}`, path, headers });
}

/** A patch of HTTP filters for the sidecars' listener of the row's own port. */
export function onOwnPort(row: FeatureContext, patch: object, subFilter?: string): object {
  const filter = { name: manager, ...(subFilter === undefined ? {} : { subFilter: { name: subFilter } }) };
  return {
    applyTo: "HTTP_FILTER",
    match: { context: "SIDECAR_OUTBOUND", listener: { portNumber: row.ports(0), filterChain: { filter } } },
    patch,
  };
}
