import { loadConfig as load, settings } from "@lateen/runtime";
import * as z from "zod";
import type { Resources } from "./pod.ts";
import { defaultResources } from "./proxy-container.ts";

const quantities = z.record(z.string(), z.string());
const resources = z.strictObject({ requests: z.exactOptional(quantities), limits: z.exactOptional(quantities) });

const environment = z
  .object({
    WEBHOOK_PORT: settings.port(15017),
    ADMIN_PORT: settings.port(15014),
    DRAIN_MS: settings.count(0),
    LOG_LEVEL: settings.logLevel(),
    /** The namespace of this installation. */
    ROOT_NAMESPACE: z.string().default("istio-system"),
    REVISION: z.string().default("default"),
    /** Whose caBundle is kept. */
    WEBHOOK_CONFIGURATION: z.string().default("lateen-injector"),
    /** The ConfigMap with Istio's MeshConfig under the key `mesh`. */
    MESH_CONFIG_MAP: z.string().default("istio"),
    /** Citadel: gives this service its serving certificate, and the proxies theirs. */
    CA_ADDR: z.string().optional(),
    CA_ROOT_FILE: z.string().default("/var/run/secrets/istio/root-cert.pem"),
    TOKEN_FILE: z.string().default("/var/run/secrets/tokens/istio-token"),
    TOKEN_AUDIENCE: z.string().default("istio-ca"),
    TRUST_DOMAIN: z.string().default("cluster.local"),
    /** What proxies are told, where the mesh configuration names no discoveryAddress. */
    DISCOVERY_ADDRESS: z.string().optional(),
    PROXY_IMAGE: z.string("the image of the proxy container, e.g. localhost/lateen/proxy:dev"),
    /** Kinds of it beside the default that the registry has, e.g. `debug,distroless`: `<image>:<tag>-<kind>`. */
    PROXY_IMAGE_TYPES: settings.list(),
    PROXY_IMAGE_PULL_POLICY: z
      .enum(["Always", "IfNotPresent", "Never"], { error: "must be Always, IfNotPresent or Never" })
      .default("IfNotPresent"),
    PROXY_IMAGE_PULL_SECRETS: settings.list(),
    /** JSON: `{"requests": {...}, "limits": {...}}`. */
    PROXY_RESOURCES: z.string().transform(parseResources).default(defaultResources),
    NATIVE_SIDECARS: z.enum(["auto", "true", "false"], { error: "must be auto, true or false" }).default("auto"),
    CLUSTER_ID: z.string().default("Kubernetes"),
    MESH_ID: z.string().optional(),
    NETWORK: z.string().default(""),
  })
  .transform((env) => ({ ...env, logLevel: env.LOG_LEVEL }));

export type Config = z.infer<typeof environment>;

export function loadConfig(env: NodeJS.ProcessEnv = process.env): Config {
  return load(environment, env);
}

function parseResources(text: string, context: z.RefinementCtx): Resources {
  try {
    const parsed = resources.safeParse(JSON.parse(text));
    if (parsed.success) return parsed.data;
    context.addIssue({
      code: "custom",
      message: `must hold requests and limits of text values: ${z.prettifyError(parsed.error)}`,
    });
  } catch {
    context.addIssue({ code: "custom", message: 'must be JSON, e.g. {"requests":{"cpu":"50m"}}' });
  }
  return z.NEVER;
}
