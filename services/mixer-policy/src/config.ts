import { natsOptionsFrom, type NatsStoreOptions } from "@lateen/mesh-store";
import { loadConfig as parse, settings } from "@lateen/runtime";
import * as z from "zod";

const schema = z.object({
  GRPC_PORT: settings.port(9091),
  GRPC_TLS_PORT: settings.port(15004),
  ADMIN_PORT: settings.port(15014),
  LOG_LEVEL: settings.logLevel(),
  ROOT_NAMESPACE: z.string().default("istio-system"),
  POLICY_FAIL_OPEN: settings.flag(false),
  MAX_SERIES: settings.count(2_000, 1),
  MAX_COUNTERS: settings.count(200_000, 1),
  TRUST_DOMAIN: z.string().default("cluster.local"),
  CA_ADDR: z.string().optional(),
  CA_ROOT_FILE: z.string().default("/var/run/secrets/istio/root-cert.pem"),
  TOKEN_FILE: z.string().default("/var/run/secrets/tokens/istio-token"),
  CERTIFICATE_TTL_SECONDS: settings.count(86_400, 60),
  DRAIN_MS: settings.count(0),
  NATS_URL: z.string("the NATS servers of the mesh store, as in nats://nats:4222"),
});

/** Where the certificate of the TLS port comes from. */
export interface IdentityConfig {
  readonly caAddress: string;
  readonly rootFile: string;
  readonly tokenFile: string;
  readonly ttlSeconds: number;
  readonly trustDomain: string;
}

export interface Config {
  readonly logLevel: string;
  readonly grpcPort: number;
  readonly grpcTlsPort: number;
  readonly adminPort: number;
  readonly rootNamespace: string;
  readonly failOpen: boolean;
  readonly maxSeries: number;
  readonly maxCounters: number;
  readonly drainMs: number;
  readonly nats: NatsStoreOptions;
  /** Absent (no CA_ADDR): the TLS port is not opened. */
  readonly identity?: IdentityConfig;
}

/** The environment as a configuration; see the README for what each variable means. */
export function loadConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const values = parse(schema, env);
  const identity =
    values.CA_ADDR === undefined
      ? {}
      : {
          identity: {
            caAddress: values.CA_ADDR,
            rootFile: values.CA_ROOT_FILE,
            tokenFile: values.TOKEN_FILE,
            ttlSeconds: values.CERTIFICATE_TTL_SECONDS,
            trustDomain: values.TRUST_DOMAIN,
          },
        };
  return {
    logLevel: values.LOG_LEVEL,
    grpcPort: values.GRPC_PORT,
    grpcTlsPort: values.GRPC_TLS_PORT,
    adminPort: values.ADMIN_PORT,
    rootNamespace: values.ROOT_NAMESPACE,
    failOpen: values.POLICY_FAIL_OPEN,
    maxSeries: values.MAX_SERIES,
    maxCounters: values.MAX_COUNTERS,
    drainMs: values.DRAIN_MS,
    nats: natsOptionsFrom(env),
    ...identity,
  };
}
