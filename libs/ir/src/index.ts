/**
 * The intermediate representation: what one proxy must do, in mesh words.
 *
 * Owns: types only. Every value is plain JSON and readonly, so an IR can be printed, compared and hashed; an
 * optional field is absent rather than undefined. Durations are milliseconds.
 * Never: logic, Envoy names or messages, keys or tokens (secrets are names).
 * Made by `libs/compiler`, spelled for Envoy by `libs/xds-build`; start reading at `proxy.ts`.
 */
export type {
  AccessLog,
  FileAccessLog,
  GrpcAccessLog,
  OpenTelemetryAccessLog,
  JsonValue,
  LogCondition,
} from "./access-log.ts";
export type {
  Balancing,
  ClientCertificate,
  Cluster,
  ConnectionLimits,
  Discovery,
  DnsCache,
  EndpointQuery,
  DistributeRule,
  FixedEndpoint,
  FixedLocality,
  LabelPreference,
  RegionFailover,
  Spread,
  Keepalive,
  OutlierDetection,
  ServiceName,
  UpstreamHttp,
  UpstreamTls,
  RetryBudget,
  UpstreamTrust,
  UtilizationWeights,
  Warmup,
} from "./cluster.ts";
export type { EndpointAddress, EndpointSet, LocalityEndpoints } from "./endpoints.ts";
export type { GrpcClient, GrpcCluster, GrpcIr, GrpcServer, GrpcServiceRef, GrpcTable } from "./grpc.ts";
export type {
  ChainMatch,
  ChainName,
  ClientVerification,
  DownstreamTls,
  FilterChain,
  ForeignSecret,
  HttpConnections,
  HttpHandler,
  Listener,
  ServerCertificate,
  TcpHandler,
  TlsVersion,
} from "./listener.ts";
export type {
  ClosedDoor,
  Extension,
  ExtensionPhase,
  LuaCode,
  PlacedExtension,
  WasmCode,
} from "./extension.ts";
export type { HeaderMatch, QueryMatch, StringMatch } from "./matching.ts";
export type { NameRecord, NameTable } from "./name-table.ts";
export type {
  Authorization,
  AskedAuthorization,
  ExternalAuthorization,
  ExternalService,
  PolicyRule,
  Predicate,
  RateLimiting,
  RateLimitRule,
  RuleSet,
} from "./policy.ts";
export type {
  ClusterSelection,
  ListenerSelection,
  Patch,
  PatchOperation,
  PatchTarget,
  RouteSelection,
} from "./patch.ts";
export type { ProxyIr } from "./proxy.ts";
export type { ClusterRef, ListenerRef, OutboundClusterRef, RouteTableRef, SniClusterRef } from "./refs.ts";
export type {
  Cors,
  Fault,
  Forward,
  HashPolicy,
  HeaderChanges,
  Mirror,
  Redirect,
  Respond,
  RetryPolicy,
  Route,
  RouteAction,
  RouteMatch,
  RouteTable,
  VirtualHost,
  WeightedTarget,
} from "./route.ts";
export type {
  CollectorHeader,
  DynatraceSampler,
  GrpcCollector,
  HttpCollector,
  SpanTag,
  TracedWorkload,
  Tracer,
  Tracing,
} from "./tracing.ts";
export type { HeaderHandling, PeerDetails, PeerHandling } from "./headers.ts";
export type { TrustAnchors, TrustDomainRoots } from "./trust.ts";
