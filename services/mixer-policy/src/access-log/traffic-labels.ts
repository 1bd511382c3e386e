/** The labels of Istio's standard metrics, in Istio's order. */
export const tcpLabels = [
  "reporter",
  "source_workload",
  "source_canonical_service",
  "source_canonical_revision",
  "source_workload_namespace",
  "source_principal",
  "source_app",
  "source_version",
  "source_cluster",
  "destination_workload",
  "destination_workload_namespace",
  "destination_principal",
  "destination_app",
  "destination_version",
  "destination_service",
  "destination_service_name",
  "destination_service_namespace",
  "destination_canonical_service",
  "destination_canonical_revision",
  "destination_cluster",
  "request_protocol",
  "response_flags",
  "connection_security_policy",
] as const;

export const httpLabels = [...tcpLabels, "response_code", "grpc_response_status"] as const;

export type TrafficLabel = (typeof httpLabels)[number];
export type TrafficLabels = Readonly<Record<TrafficLabel, string>>;

/** What a proxy may say by a tag of its log, because only it knows. */
export const taggable: readonly TrafficLabel[] = [
  "source_principal",
  "destination_principal",
  "destination_service",
  "destination_service_name",
  "destination_service_namespace",
  "request_protocol",
  "connection_security_policy",
];
