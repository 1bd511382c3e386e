import { loadConfig as load, settings } from "@lateen/runtime";
import { z } from "zod";

/** Istio's agent is configured by the environment that the injector writes; the names are Istio's where it has one. */
const environment = z.object({
  POD_NAME: z.string(),
  POD_NAMESPACE: z.string(),
  INSTANCE_IP: z.string(),
  SERVICE_ACCOUNT: z.string().default("default"),
  TRUST_DOMAIN: z.string().default("cluster.local"),
  DNS_DOMAIN: z.string().optional(),
  /** The mesh's ProxyConfig as JSON or YAML; `discoveryAddress` and `terminationDrainDuration` are read here. */
  PROXY_CONFIG: z.string().default("{}"),
  /** `host:port` of pilot over TLS; without it the ProxyConfig's discoveryAddress. */
  XDS_ADDRESS: z.string().optional(),
  /** `host:port` of the CA; without it pilot's, as with istiod. */
  CA_ADDR: z.string().optional(),
  /** The DNS name in the server's certificate, where it is not the address's host. */
  XDS_SERVER_NAME: z.string().optional(),
  CA_SERVER_NAME: z.string().optional(),
  CA_ROOT_CA: z.string().default("/var/run/secrets/istio/root-cert.pem"),
  TOKEN_FILE: z.string().default("/var/run/secrets/tokens/istio-token"),
  /** Lifetime asked for, in seconds. */
  SECRET_TTL_SECONDS: settings.count(86_400, 60),
  /** Holds the bootstrap and the xDS socket; writable, and private to this user. */
  PROXY_DIR: z.string().default("/etc/istio/proxy"),
  SDS_SOCKET: z.string().default("/var/run/secrets/workload-spiffe-uds/socket"),
  LABELS_FILE: z.string().default("/etc/istio/pod/labels"),
  /** An Envoy binary; a bare name is looked for on the PATH. */
  ENVOY: z.string().default("envoy"),
  ENVOY_CONCURRENCY: settings.count(2, 1),
  ENVOY_LOG_LEVEL: z.string().default("warning"),
  ENVOY_COMPONENT_LOG_LEVEL: z.string().optional(),
  ENVOY_ADMIN_HOST: z.string().default("127.0.0.1"),
  ENVOY_ADMIN_PORT: settings.port(15_000),
  /** Where Envoy's own listeners for probes and scraping bind, and the agent's status port. */
  STATUS_HOST: z.string().default("0.0.0.0"),
  STATUS_PORT: settings.port(15_020),
  ENVOY_STATUS_PORT: settings.port(15_021),
  ENVOY_PROMETHEUS_PORT: settings.port(15_090),
  /** What to ask the application on the kubelet's behalf, as the injector writes it: path → probe. */
  ISTIO_KUBE_APP_PROBERS: z.string().default("{}"),
  LOG_LEVEL: settings.logLevel(),
});

export type Config = z.infer<typeof environment> & {
  readonly logLevel: string;
  readonly proxyType: "sidecar" | "router";
  /** Node metadata from ISTIO_META_* and ISTIO_METAJSON_*, without the prefix. */
  readonly metadata: Readonly<Record<string, unknown>>;
};

/** `args` as Istio's agent takes them: `proxy sidecar` or `proxy router`, and `--proxyLogLevel=…`. Throws ConfigError. */
export function loadConfig(
  env: NodeJS.ProcessEnv = process.env,
  args: readonly string[] = process.argv.slice(2),
): Config {
  const flags = new Map(
    args.filter((arg) => arg.startsWith("--")).map((arg) => arg.slice(2).split("=") as [string, string]),
  );
  const config = load(environment, {
    ...env,
    ...(flags.has("proxyLogLevel") && { ENVOY_LOG_LEVEL: flags.get("proxyLogLevel") }),
    ...(flags.has("proxyComponentLogLevel") && { ENVOY_COMPONENT_LOG_LEVEL: flags.get("proxyComponentLogLevel") }),
  });
  return {
    ...config,
    logLevel: config.LOG_LEVEL,
    proxyType: args.includes("router") ? "router" : "sidecar",
    metadata: metadataOf(env),
  };
}

function metadataOf(env: NodeJS.ProcessEnv): Record<string, unknown> {
  const metadata: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(env).sort()) {
    if (value === undefined) continue;
    if (name.startsWith("ISTIO_META_")) metadata[name.slice("ISTIO_META_".length)] = value;
    if (name.startsWith("ISTIO_METAJSON_"))
      Object.assign(metadata, { [name.slice("ISTIO_METAJSON_".length)]: JSON.parse(value) });
  }
  return metadata;
}
