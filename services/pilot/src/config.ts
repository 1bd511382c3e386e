import { hostname } from "node:os";
import { natsOptionsFrom } from "@lateen/mesh-store";
import type { NatsStoreOptions, StoreEnvironment } from "@lateen/mesh-store";
import { loadConfig as load, settings } from "@lateen/runtime";
import * as z from "zod";
import { featuresOf, featureVariables } from "./features.ts";
import type { Features } from "./features.ts";

const environment = z
  .object({
    ROOT_NAMESPACE: z.string().default("istio-system"),
    TRUST_DOMAIN: z.string().default("cluster.local"),
    /** DNS domain of cluster services. */
    DOMAIN_SUFFIX: z.string().default("cluster.local"),
    /** This replica's name. */
    POD_NAME: z.string().default(hostname()),
    GRPC_PORT: settings.port(15010),
    GRPC_TLS_PORT: settings.port(15012),
    HTTP_PORT: settings.port(8080),
    ADMIN_PORT: settings.port(15014),
    LOG_LEVEL: settings.logLevel(),
    DRAIN_MS: settings.count(0),
    /** Citadel: gives pilot its certificate, and gateways theirs. */
    CA_ADDR: z.string().optional(),
    CA_ROOT_FILE: z.string().default("/var/run/secrets/istio/root-cert.pem"),
    TOKEN_FILE: z.string().default("/var/run/secrets/tokens/istio-token"),
    CERTIFICATE_TTL_SECONDS: settings.count(86_400, 60),
    /** Lets proxies on the TLS port prove themselves by their service account token; needs leave to create TokenReviews. */
    TOKEN_REVIEW: settings.flag(false),
    TOKEN_AUDIENCES: settings.list(["istio-ca"]),
    /** Proxies are told to reconnect after about this long, so that they spread over the replicas. */
    MAX_CONNECTION_AGE_SECONDS: settings.count(30 * 60, 10),
    /** How many proxies a second go to another replica when this one has more than its share or cannot keep up; 0: none. */
    HAND_OFF_PER_SECOND: settings.count(10),
    /** Route tables with so many virtual hosts go to Envoy host by host, so that a change costs what changed; 0: never. */
    SPLIT_ROUTE_TABLES_FROM: settings.count(100),
    /** Debug pages and types ask who is there, as Istio's do; false: whoever reaches the ports sees everything. */
    ENABLE_DEBUG_ENDPOINT_AUTH: settings.flag(true),
    /** Namespaces whose identities see everything there, beside the root namespace. */
    DEBUG_ENDPOINT_AUTH_ALLOWED_NAMESPACES: settings.list([]),
    /** `wait`: an empty mesh store is one that is still being filled. */
    EMPTY_MESH: z.enum(["wait", "serve"], { error: "must be wait or serve" }).default("wait"),
    ...featureVariables,
    NATS_URL: z.string("the NATS servers of the mesh store, as in nats://nats:4222"),
  })
  .transform((env) => ({
    ...env,
    CA_ADDR: env.CA_ADDR ?? `lateen-citadel.${env.ROOT_NAMESPACE}.svc:15012`,
    logLevel: env.LOG_LEVEL,
  }));

export type Config = z.infer<typeof environment> & { readonly nats: NatsStoreOptions; readonly features: Features };

/** Throws ConfigError, naming every bad variable. */
export function loadConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const config = load(environment, env);
  return { ...config, features: featuresOf(config, env), nats: natsOptionsFrom(env as StoreEnvironment) };
}
