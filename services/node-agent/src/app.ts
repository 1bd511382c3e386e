import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { JsonObject } from "@bufbuild/protobuf";
import { type Component, Health, type Logger, type Server } from "@lateen/runtime";
import type { ApplicationProbe } from "./application-probes.ts";
import type { Config } from "./config.ts";
import type { DnsProxy } from "./dns/proxy.ts";
import type { DnsObserver } from "./dns/server.ts";
import { EnvoyAdmin } from "./envoy/admin.ts";
import { bootstrapOf, envoyNode } from "./envoy/bootstrap.ts";
import type { ProxyIdentity } from "./envoy/bootstrap.ts";
import { bootstrapFile, createEnvoy } from "./envoy/process.ts";
import { judgeWith, StartPatches } from "./envoy/start-patches.ts";
import type { PatchSource } from "./envoy/start-patches.ts";
import { applicationMetricsOf } from "./merged-metrics.ts";
import { createAgentMetrics } from "./metrics.ts";
import { parseJson } from "./parse-json.ts";
import { parseLabels } from "./pod-labels.ts";
import { type ProxyConfig, readProxyConfig } from "./proxy-config.ts";
import type { HealthReports, ReadinessProbe } from "./readiness-probe.ts";
import { serviceClusterOf } from "./service-cluster.ts";
import { statusServer } from "./status-server.ts";
import { createWorkloadAgent } from "./workload/agent.ts";
import type { WorkloadOptions } from "./workload/agent.ts";

export interface Agent {
  readonly components: readonly Component[];
  /** Envoy's way to the agent, and the application's DNS. */
  readonly sockets: readonly Server[];
  readonly status: Server;
  readonly health: Health;
  /** How long stopping may take. */
  readonly shutdownMs: number;
}

/** The whole agent on one screen: the workload's half, Envoy's half, and the status server for both. */
export async function createAgent(config: Config, logger: Logger): Promise<Agent> {
  const proxyConfig = await readProxyConfig(config.PROXY_CONFIG);
  const {
    directory = "/etc/istio/proxy",
    binary = "envoy",
    bootstrap: ownFile,
  } = {
    ...proxyConfig.files,
    ...(config.PROXY_DIR !== undefined && { directory: config.PROXY_DIR }),
    ...(config.ENVOY !== undefined && { binary: config.ENVOY }),
  };
  const pilotAddress = config.XDS_ADDRESS ?? proxyConfig.discoveryAddress ?? "istiod.istio-system.svc:15012";
  const xdsSocket = join(directory, "XDS");
  const adminAddress = { host: config.ENVOY_ADMIN_HOST, port: config.ENVOY_ADMIN_PORT ?? proxyConfig.adminPort };
  const admin = new EnvoyAdmin(adminAddress);
  const statusPort = config.STATUS_PORT ?? proxyConfig.statusPort;
  const metrics = createAgentMetrics();
  const dnsDomain = config.DNS_DOMAIN ?? `${config.POD_NAMESPACE}.svc.${config.TRUST_DOMAIN}`;
  const reports = proxyConfig.readinessProbe && (await healthReports(proxyConfig.readinessProbe));
  const dns = config.dnsCapture ? await dnsProxy(config, dnsDomain, metrics) : undefined;
  const node = await identityOf(config, proxyConfig, dnsDomain);
  const workload = createWorkloadAgent({
    node: envoyNode(node) as { id: string; cluster: string; metadata: JsonObject },
    caAddress: config.CA_ADDR ?? pilotAddress,
    pilotAddress,
    roots: () => readFileSync(config.CA_ROOT_CA, "utf8"),
    token: () => readFileSync(config.TOKEN_FILE, "utf8").trim(),
    trustDomain: config.TRUST_DOMAIN,
    ttlSeconds: config.SECRET_TTL_SECONDS,
    xdsSocket,
    sdsSocket: config.SDS_SOCKET,
    modules: modulesOf(config, directory),
    secrets: secretWishesOf(proxyConfig),
    plaintextPilot: proxyConfig.plaintextPilot,
    own: { types: dns === undefined ? [] : [dns.nameTable], ...(reports && { announcements: reports }) },
    logger,
    metrics,
    ...(config.CA_SERVER_NAME !== undefined && { caServerName: config.CA_SERVER_NAME }),
    ...(config.XDS_SERVER_NAME !== undefined && { pilotServerName: config.XDS_SERVER_NAME }),
  });
  const envoy = createEnvoy({
    binary,
    directory,
    ...(ownFile !== undefined && { ownFile }),
    flush: proxyConfig.flush,
    concurrency: config.ENVOY_CONCURRENCY ?? proxyConfig.concurrency ?? config.ISTIO_CPU_LIMIT ?? 2,
    logLevel: config.ENVOY_LOG_LEVEL,
    drainMs: proxyConfig.drainMs,
    listenerDrainMs: proxyConfig.listenerDrainMs,
    admin,
    logger,
    onStarted: metrics.envoyStarted,
    ...(config.ENVOY_COMPONENT_LOG_LEVEL !== undefined && { componentLogLevel: config.ENVOY_COMPONENT_LOG_LEVEL }),
    ...(ownFile === undefined && {
      patches: startPatches(config, { binary, directory, source: workload.patches, logger }),
    }),
    bootstrap: bootstrapOf({
      node,
      runtimeValues: proxyConfig.runtimeValues,
      stats: proxyConfig.stats,
      ...(proxyConfig.tracer && { tracer: proxyConfig.tracer }),
      ...(proxyConfig.accessLogService && { accessLogService: proxyConfig.accessLogService }),
      ...(proxyConfig.connectionLimit !== undefined && { connectionLimit: proxyConfig.connectionLimit }),
      xdsSocket,
      sdsSocket: config.SDS_SOCKET,
      admin: adminAddress,
      statusHost: config.STATUS_HOST,
      readinessPort: config.ENVOY_STATUS_PORT,
      prometheusPort: config.ENVOY_PROMETHEUS_PORT,
      agent: { host: config.STATUS_HOST === "0.0.0.0" ? "127.0.0.1" : config.STATUS_HOST, port: statusPort },
    }),
  });
  const components = [workload.identity, envoy, ...(reports ? [reports.component] : [])];
  const health = new Health([...components.flatMap((component) => component.checks), ...(dns ? [dns.check] : [])]);
  const status = statusServer({
    address: { host: config.STATUS_HOST, port: statusPort },
    admin,
    metrics,
    applicationMetrics:
      config.proxyType === "sidecar"
        ? applicationMetricsOf(config.ISTIO_PROMETHEUS_ANNOTATIONS, statusPort)
        : undefined,
    compressed: proxyConfig.stats.compressed,
    health,
    logger,
    probes: parseJson("ISTIO_KUBE_APP_PROBERS", config.ISTIO_KUBE_APP_PROBERS) as Record<string, ApplicationProbe>,
    applicationHost: "127.0.0.1",
    stop: () => process.kill(process.pid, "SIGTERM"),
  });
  const sockets = [workload.sockets, ...(dns ? [dns.server] : [])];
  return { components, sockets, status, health, shutdownMs: proxyConfig.drainMs + 5_000 };
}

async function identityOf(
  config: Config,
  { raw: proxyConfig, meshId }: ProxyConfig,
  dnsDomain: string,
): Promise<ProxyIdentity> {
  const labels = await readFile(config.LABELS_FILE, "utf8").then(parseLabels, () => undefined);
  return {
    type: config.proxyType,
    address: config.INSTANCE_IP,
    name: config.POD_NAME,
    namespace: config.POD_NAMESPACE,
    dnsDomain,
    serviceCluster: serviceClusterOf(proxyConfig, {
      labels: labels ?? {},
      namespace: config.POD_NAMESPACE,
      workloadName: String(config.metadata["WORKLOAD_NAME"] ?? ""),
    }),
    metadata: {
      NAME: config.POD_NAME,
      NAMESPACE: config.POD_NAMESPACE,
      SERVICE_ACCOUNT: config.SERVICE_ACCOUNT,
      INSTANCE_IPS: config.INSTANCE_IP,
      CLUSTER_ID: "Kubernetes",
      ISTIO_VERSION: "1.32.0",
      PROXY_CONFIG: proxyConfig,
      ...(labels && { LABELS: labels }),
      ...config.metadata,
      ...(meshId !== undefined && { MESH_ID: meshId }),
    },
  };
}

interface Starting {
  readonly binary: string;
  readonly directory: string;
  readonly source: PatchSource;
  readonly logger: Logger;
}

function startPatches(config: Config, { binary, directory, source, logger }: Starting): StartPatches | undefined {
  if (/^(false|0)$/i.test(config.BOOTSTRAP_XDS_AGENT)) return undefined;
  const judge = judgeWith(binary, join(directory, bootstrapFile));
  return new StartPatches({ source, judge, file: join(directory, "bootstrap-patches.json"), logger });
}

function secretWishesOf({ keyProvider, moreRoots }: ProxyConfig): WorkloadOptions["secrets"] {
  return { moreRoots, ...(keyProvider && { keyProvider }) };
}

function modulesOf({ WASM_INSECURE_REGISTRIES, DOCKER_CONFIG }: Config, folder: string): WorkloadOptions["modules"] {
  return {
    directory: join(folder, "modules"),
    insecureRegistries: WASM_INSECURE_REGISTRIES.split(",").map((host) => host.trim()),
    ...(DOCKER_CONFIG !== undefined && { dockerConfig: DOCKER_CONFIG }),
  };
}

async function healthReports(probe: ReadinessProbe): Promise<HealthReports> {
  const { createHealthReports } = await import("./readiness-probe.ts");
  return createHealthReports(probe, "127.0.0.1");
}

/** Loaded only where it is wanted: the agent's memory is paid for once a workload. */
async function dnsProxy(config: Config, dnsDomain: string, observer: DnsObserver): Promise<DnsProxy> {
  const { createDnsProxy } = await import("./dns/proxy.ts");
  return await createDnsProxy({
    address: config.DNS_PROXY_ADDR,
    resolvConf: config.RESOLV_CONF,
    servers: config.DNS_UPSTREAMS.split(",").filter((server) => server !== ""),
    namespace: config.POD_NAMESPACE,
    dnsDomain,
    observer,
  });
}
