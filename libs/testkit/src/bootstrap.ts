import type { JsonObject, JsonValue } from "@bufbuild/protobuf";

/** The resources of one case, as Envoy's JSON. */
export interface CaseResources {
  readonly clusters: readonly JsonObject[];
  readonly endpoints: readonly JsonObject[];
  readonly listeners: readonly JsonObject[];
  readonly routes: readonly JsonObject[];
}

/**
 * A static bootstrap of the same content, which Envoy judges without a control plane: route tables move into the
 * listeners that ask for them and endpoints into their clusters, and references of routes to clusters are checked.
 * Throws on a reference to a table, cluster or endpoint set that the case does not have.
 */
export function validationBootstrap(resources: CaseResources): JsonObject {
  const tables = new Map(resources.routes.map((table) => [table["name"], table]));
  const assignments = new Map(resources.endpoints.map((assignment) => [assignment["cluster_name"], assignment]));
  return {
    node: { id: "sidecar~127.0.0.1~case.default~default.svc.cluster.local", cluster: "case" },
    dynamic_resources: {
      ads_config: {
        api_type: "GRPC",
        transport_api_version: "V3",
        grpc_services: [{ envoy_grpc: { cluster_name: "xds-grpc" } }],
      },
    },
    static_resources: {
      clusters: [
        ...resources.clusters.map((cluster) => withSecrets(withEndpoints(cluster, assignments)) as JsonObject),
        agentCluster("xds-grpc"),
        agentCluster("sds-grpc"),
      ],
      listeners: resources.listeners.map((listener) => withTables(listener, tables) as JsonObject),
    },
  };
}

/** What a real bootstrap brings along. */
function agentCluster(name: string): JsonObject {
  return {
    name,
    type: "STATIC",
    connect_timeout: "1s",
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: `./${name}` } } } }] }],
    },
  };
}

function withEndpoints(cluster: JsonObject, assignments: ReadonlyMap<JsonValue | undefined, JsonObject>): JsonObject {
  const { "@type": _type, eds_cluster_config: discovery, ...fields } = cluster;
  if (discovery === undefined) return fields;
  const assignment = assignments.get(cluster["name"]);
  if (assignment === undefined) throw new Error(`cluster ${String(cluster["name"])} has no endpoints`);
  const { "@type": _assignmentType, ...load } = assignment;
  return { ...fields, type: "STATIC", load_assignment: load };
}

const fromAgent: JsonObject = {
  api_type: "GRPC",
  transport_api_version: "V3",
  grpc_services: [{ envoy_grpc: { cluster_name: "sds-grpc" } }],
};

/** Walks a cluster: in a bootstrap there is no ADS yet that its secrets could come by, and Envoy crashes. */
function withSecrets(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(withSecrets);
  if (typeof value !== "object" || value === null) return value;
  const walked = Object.fromEntries(Object.entries(value).map(([key, field]) => [key, withSecrets(field)]));
  const source = walked["sds_config"] as JsonObject | undefined;
  if (source?.["ads"] === undefined) return walked;
  const { ads: _ads, ...fields } = source;
  return { ...walked, sds_config: { ...fields, api_config_source: fromAgent } };
}

/** Walks a listener; `rds` becomes `route_config`. */
function withTables(value: JsonValue, tables: ReadonlyMap<JsonValue | undefined, JsonObject>): JsonValue {
  if (Array.isArray(value)) return value.map((item) => withTables(item, tables));
  if (typeof value !== "object" || value === null) return value;
  const { rds, ...fields } = value;
  const walked = Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, withTables(field, tables)]));
  if (isListenerType(walked["@type"])) delete walked["@type"];
  if (walked["route_config"] !== undefined) walked["route_config"] = checked(walked["route_config"] as JsonObject);
  if (rds === undefined) return walked;
  const name = (rds as JsonObject)["route_config_name"];
  const table = tables.get(name);
  if (table === undefined) throw new Error(`there is no route table ${String(name)}`);
  return { ...walked, route_config: checked(table) };
}

function isListenerType(type: JsonValue | undefined): boolean {
  return type === "type.googleapis.com/envoy.config.listener.v3.Listener";
}

function checked(table: JsonObject): JsonObject {
  const { "@type": _type, ...fields } = table;
  return { ...fields, validate_clusters: true };
}
