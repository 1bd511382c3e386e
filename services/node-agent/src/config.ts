import { loadConfig as load } from "@lateen/runtime";
import type { ZodType } from "zod";
// The small form of zod, and none of the runtime's `settings`: all of zod costs each agent 10 MB of memory.
import * as z from "zod/mini";
import { parseJson } from "./parse-json.ts";

const text = () => z.string("must be set");
const count = (minimum = 0) =>
  z.coerce
    .number("must be a number")
    .check(z.int("must be a whole number"), z.minimum(minimum, `must be at least ${minimum}`));
const portNumber = () => count().check(z.maximum(65_535, "must be a port number"));
const port = (fallback: number) => z._default(portNumber(), fallback);
const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
const logLevel = z._default(z.enum(logLevels, `must be one of ${logLevels.join(", ")}`), "info");

/** Istio's agent is configured by the environment that the injector writes; the names are Istio's where it has one. */
const environment = z.object({
  POD_NAME: text(),
  POD_NAMESPACE: text(),
  INSTANCE_IP: text(),
  SERVICE_ACCOUNT: z._default(text(), "default"),
  TRUST_DOMAIN: z._default(text(), "cluster.local"),
  DNS_DOMAIN: z.optional(text()),
  /** The mesh's ProxyConfig as JSON or YAML; `proxy-config.ts` says what is read of it. */
  PROXY_CONFIG: z._default(text(), "{}"),
  /** `host:port` of pilot over TLS; without it the ProxyConfig's discoveryAddress. */
  XDS_ADDRESS: z.optional(text()),
  /** `host:port` of the CA; without it pilot's, as with istiod. */
  CA_ADDR: z.optional(text()),
  /** The DNS name in the server's certificate, where it is not the address's host. */
  XDS_SERVER_NAME: z.optional(text()),
  CA_SERVER_NAME: z.optional(text()),
  CA_ROOT_CA: z._default(text(), "/var/run/secrets/istio/root-cert.pem"),
  TOKEN_FILE: z._default(text(), "/var/run/secrets/tokens/istio-token"),
  /** Lifetime asked for, in seconds. */
  SECRET_TTL_SECONDS: z._default(count(60), 86_400),
  /** Holds the bootstrap and the xDS socket; writable, and private to this user. Without it the ProxyConfig's `configPath`. */
  PROXY_DIR: z.optional(text()),
  SDS_SOCKET: z._default(text(), "/var/run/secrets/workload-spiffe-uds/socket"),
  LABELS_FILE: z._default(text(), "/etc/istio/pod/labels"),
  /** Whether pilot is asked for patches of the bootstrap; Istio's agent does so only when it is told to. */
  BOOTSTRAP_XDS_AGENT: z._default(text(), "true"),
  /** An Envoy binary; a bare name is looked for on the PATH. Without it the ProxyConfig's `binaryPath`. */
  ENVOY: z.optional(text()),
  /** Worker threads, 0 for one a core; without it the ProxyConfig's `concurrency`, or as the next says. */
  ENVOY_CONCURRENCY: z.optional(count()),
  /** Processors that the container may use, as the injector has Kubernetes tell. */
  ISTIO_CPU_LIMIT: z.optional(count()),
  ENVOY_LOG_LEVEL: z._default(text(), "warning"),
  ENVOY_COMPONENT_LOG_LEVEL: z.optional(text()),
  ENVOY_ADMIN_HOST: z._default(text(), "127.0.0.1"),
  /** Without it the ProxyConfig's `proxyAdminPort`, or 15000. */
  ENVOY_ADMIN_PORT: z.optional(portNumber()),
  /** Where Envoy's own listeners for probes and scraping bind, and the agent's status port. */
  STATUS_HOST: z._default(text(), "0.0.0.0"),
  /** Without it the ProxyConfig's `statusPort`, or 15020. */
  STATUS_PORT: z.optional(portNumber()),
  ENVOY_STATUS_PORT: port(15_021),
  ENVOY_PROMETHEUS_PORT: port(15_090),
  /** What to ask the application on the kubelet's behalf, as the injector writes it: path → probe. */
  ISTIO_KUBE_APP_PROBERS: z._default(text(), "{}"),
  /** Where the application shows its metrics, as the injector writes it. */
  ISTIO_PROMETHEUS_ANNOTATIONS: z.optional(text()),
  /** Where the DNS proxy listens, if ISTIO_META_DNS_CAPTURE is true. */
  DNS_PROXY_ADDR: z._default(text(), "localhost:15053"),
  RESOLV_CONF: z._default(text(), "/etc/resolv.conf"),
  /** Resolvers to ask in the place of resolv.conf's: `host:port`, with commas between. */
  DNS_UPSTREAMS: z._default(text(), ""),
  /** Registries, as `host:port` with commas between, whose certificate does not count and that need not have one; `*`: all. */
  WASM_INSECURE_REGISTRIES: z._default(text(), ""),
  /** A folder whose `config.json` has credentials for registries. */
  DOCKER_CONFIG: z.optional(text()),
  LOG_LEVEL: logLevel,
});

export type Config = z.infer<typeof environment> & {
  readonly logLevel: string;
  readonly proxyType: "sidecar" | "router";
  /** Node metadata from ISTIO_META_* and ISTIO_METAJSON_*, without the prefix. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** The application's DNS queries come here. */
  readonly dnsCapture: boolean;
};

/** `args` as Istio's agent takes them: `proxy sidecar` or `proxy router`, and `--proxyLogLevel=…`. Throws ConfigError. */
export function loadConfig(
  env: NodeJS.ProcessEnv = process.env,
  args: readonly string[] = process.argv.slice(2),
): Config {
  const flags = new Map(
    args.filter((arg) => arg.startsWith("--")).map((arg) => arg.slice(2).split("=") as [string, string]),
  );
  // `loadConfig` only calls `safeParse`, which both forms of zod have.
  const config = load(environment as unknown as ZodType<z.infer<typeof environment>>, {
    ...env,
    ...(flags.has("proxyLogLevel") && { ENVOY_LOG_LEVEL: flags.get("proxyLogLevel") }),
    ...(flags.has("proxyComponentLogLevel") && { ENVOY_COMPONENT_LOG_LEVEL: flags.get("proxyComponentLogLevel") }),
  });
  const metadata = metadataOf(env);
  const proxyType = args.includes("router") ? "router" : "sidecar";
  return {
    ...config,
    logLevel: config.LOG_LEVEL,
    proxyType,
    metadata,
    dnsCapture: proxyType === "sidecar" && /^(true|1)$/i.test(String(metadata["DNS_CAPTURE"] ?? "")),
  };
}

function metadataOf(env: NodeJS.ProcessEnv): Record<string, unknown> {
  const metadata: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(env).sort()) {
    if (value === undefined) continue;
    if (name.startsWith("ISTIO_META_")) metadata[name.slice("ISTIO_META_".length)] = value;
    if (name.startsWith("ISTIO_METAJSON_"))
      Object.assign(metadata, { [name.slice("ISTIO_METAJSON_".length)]: parseJson(name, value) });
  }
  return metadata;
}
