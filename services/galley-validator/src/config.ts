import { natsOptionsFrom } from "@lateen/mesh-store";
import type { NatsStoreOptions, StoreEnvironment } from "@lateen/mesh-store";
import { loadConfig as load, settings } from "@lateen/runtime";
import { hostname } from "node:os";
import * as z from "zod";

const environment = z
  .object({
    /** Where configuration is kept: the cluster this runs in (or KUBECONFIG points at), or a folder. */
    SOURCE: z.enum(["kubernetes", "folder"], { error: "must be kubernetes or folder" }).default("kubernetes"),
    /** The folder, for SOURCE=folder. */
    CONFIG_DIR: z.string().optional(),
    ROOT_NAMESPACE: z.string().default("istio-system"),
    DOMAIN_SUFFIX: z.string().default("cluster.local"),
    CLUSTER_ID: z.string().default("Kubernetes"),
    /** This replica's name. */
    POD_NAME: z.string().default(hostname()),
    LEASE_MS: settings.count(10_000, 1_000),
    /** How long a workload that registered itself may be away; Istio's name. */
    PILOT_WORKLOAD_ENTRY_GRACE_PERIOD: z
      .string()
      .regex(/^\d+(\.\d+)?(ms|s|m|h)$/, "must be a duration such as 10s")
      .default("10s"),
    WEBHOOK_PORT: settings.port(15017),
    /** Whose caBundle is kept. */
    WEBHOOK_CONFIGURATION: z.string().default("lateen-validator"),
    ADMIN_PORT: settings.port(15014),
    DRAIN_MS: settings.count(0),
    LOG_LEVEL: settings.logLevel(),
    /** Citadel: gives this service its serving certificate. */
    CA_ADDR: z.string().optional(),
    CA_ROOT_FILE: z.string().default("/var/run/secrets/istio/root-cert.pem"),
    TOKEN_FILE: z.string().default("/var/run/secrets/tokens/istio-token"),
    TRUST_DOMAIN: z.string().default("cluster.local"),
    NATS_URL: z.string("the NATS servers of the mesh store, as in nats://nats:4222"),
  })
  .refine((env) => env.SOURCE !== "folder" || env.CONFIG_DIR !== undefined, {
    path: ["CONFIG_DIR"],
    error: "is required for SOURCE=folder",
  })
  .transform((env) => ({ ...env, logLevel: env.LOG_LEVEL }));

export type Config = z.infer<typeof environment> & { readonly store: NatsStoreOptions };

export function loadConfig(env: NodeJS.ProcessEnv = process.env): Config {
  return { ...load(environment, env), store: natsOptionsFrom(env as StoreEnvironment) };
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Of a duration that was checked: `10s`. */
export function millisecondsOf(duration: string): number {
  const unit = /[a-z]+$/.exec(duration)?.[0] ?? "s";
  return Number.parseFloat(duration) * (unitMs[unit] ?? 1_000);
}
