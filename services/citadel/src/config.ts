import { hostname } from "node:os";
import { type NatsStoreOptions, type StoreEnvironment, natsOptionsFrom } from "@lateen/mesh-store";
import { loadConfig as load, settings } from "@lateen/runtime";
import * as z from "zod";

const environment = z
  .object({
    /** Where the CA's key is kept: Secrets of ROOT_NAMESPACE, or STATE_DIR. */
    KEY_STORE: z.enum(["kubernetes", "directory"], { error: "must be kubernetes or directory" }).default("kubernetes"),
    /** For KEY_STORE=directory: the CA and the key of local tokens, files 0600. */
    STATE_DIR: z.string().optional(),
    /** For KEY_STORE=directory: manifests of gateways' Secrets. */
    SECRETS_DIR: z.string().optional(),
    ROOT_NAMESPACE: z.string().default("istio-system"),
    TRUST_DOMAIN: z.string().default("cluster.local"),
    SERVICE_ACCOUNT: z.string().default("lateen-citadel"),
    /** This replica's name. */
    POD_NAME: z.string().default(hostname()),
    GRPC_PORT: settings.port(15012),
    ADMIN_PORT: settings.port(15014),
    DRAIN_MS: settings.count(0),
    LOG_LEVEL: settings.logLevel(),
    /** Seconds; as in Istio, 24 hours and 90 days. */
    DEFAULT_WORKLOAD_CERT_TTL: settings.count(86_400, 60),
    MAX_WORKLOAD_CERT_TTL: settings.count(90 * 86_400, 60),
    /** Seconds that a root made here lives; 10 years. */
    ROOT_CERT_TTL: settings.count(10 * 365 * 86_400, 3_600),
    /** Who a token must be meant for. */
    TOKEN_AUDIENCES: settings.list(["istio-ca"]),
    /** DNS names in citadel's own certificate, besides the usual. */
    SERVING_NAMES: settings.list(),
    /** JSON, `{"<namespace>/<service account>": ["name", ...]}`; default the control plane's services in ROOT_NAMESPACE. */
    DNS_NAMES: z.string().transform(parseDnsNames).optional(),
    /** SPIFFE ids that may read gateways' certificates; default pilot's. */
    SECRET_READERS: settings.list(),
    NATS_URL: z.string("the NATS servers of the mesh store, as in nats://nats:4222"),
  })
  .refine((env) => env.KEY_STORE !== "directory" || env.STATE_DIR !== undefined, {
    path: ["STATE_DIR"],
    error: "is required for KEY_STORE=directory",
  })
  .transform((env) => ({
    ...env,
    DNS_NAMES: env.DNS_NAMES ?? controlPlaneNames(env.ROOT_NAMESPACE),
    SECRET_READERS:
      env.SECRET_READERS.length > 0
        ? env.SECRET_READERS
        : [`spiffe://${env.TRUST_DOMAIN}/ns/${env.ROOT_NAMESPACE}/sa/lateen-pilot`],
    logLevel: env.LOG_LEVEL,
  }));

export type Config = z.infer<typeof environment> & { readonly nats: NatsStoreOptions };

export function loadConfig(env: NodeJS.ProcessEnv = process.env): Config {
  return { ...load(environment, env), nats: natsOptionsFrom(env as StoreEnvironment) };
}

/**
 * What the control plane's servers are called, by service account. Pilot also answers for Istio's name, which proxies
 * of an Istio installation have in their configuration.
 */
export function controlPlaneNames(rootNamespace: string): Readonly<Record<string, readonly string[]>> {
  const services = {
    "lateen-pilot": ["lateen-pilot", "istiod"],
    "lateen-mixer-policy": ["lateen-mixer-policy"],
    "lateen-injector": ["lateen-injector"],
    "lateen-galley-validator": ["lateen-galley-validator"],
  };
  return Object.fromEntries(
    Object.entries(services).map(([account, names]) => [
      `${rootNamespace}/${account}`,
      names.flatMap((name) => dnsNamesOf(name, rootNamespace)),
    ]),
  );
}

function dnsNamesOf(service: string, namespace: string): string[] {
  return [`${service}.${namespace}.svc`, `${service}.${namespace}`, `${service}.${namespace}.svc.cluster.local`];
}

function parseDnsNames(text: string, context: z.RefinementCtx): Readonly<Record<string, readonly string[]>> {
  try {
    const parsed = z.record(z.string().regex(/^[^/]+\/[^/]+$/), z.array(z.string())).safeParse(JSON.parse(text));
    if (parsed.success) return parsed.data;
    context.addIssue({
      code: "custom",
      message: `must map <namespace>/<service account> to lists of names: ${z.prettifyError(parsed.error)}`,
    });
  } catch {
    context.addIssue({
      code: "custom",
      message: 'must be JSON, e.g. {"istio-system/lateen-pilot":["istiod.istio-system.svc"]}',
    });
  }
  return z.NEVER;
}
