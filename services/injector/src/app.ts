import { createServingIdentity } from "@lateen/identity";
import { loadClient } from "@lateen/kube";
import type { App, AppContext } from "@lateen/runtime";
import { createClusterFacts } from "./cluster-facts.ts";
import type { Config } from "./config.ts";
import type { InjectorSettings } from "./inject.ts";
import { createInjector } from "./injector.ts";
import { createProxyConfigWatch } from "./proxy-config-watch.ts";
import { registerInjectorMetrics } from "./metrics.ts";

/** The whole service on one screen. */
export async function createApp(config: Config, { logger, registry }: AppContext): Promise<App> {
  const client = await loadClient();
  const caAddress = config.CA_ADDR ?? `lateen-citadel.${config.ROOT_NAMESPACE}.svc:15012`;
  const facts = createClusterFacts({
    client,
    namespace: config.ROOT_NAMESPACE,
    meshConfigMap: config.MESH_CONFIG_MAP,
    nativeSidecars: config.NATIVE_SIDECARS,
    logger,
  });
  const proxyConfigs = createProxyConfigWatch({ client, rootNamespace: config.ROOT_NAMESPACE, logger });
  const { CA_ROOT_FILE: rootFile, TOKEN_FILE: tokenFile, TRUST_DOMAIN: trustDomain } = config;
  const identity = createServingIdentity({ caAddress, rootFile, tokenFile, trustDomain, logger });
  const settings: InjectorSettings = {
    proxyImage: config.PROXY_IMAGE,
    imageTypes: config.PROXY_IMAGE_TYPES,
    imagePullPolicy: config.PROXY_IMAGE_PULL_POLICY,
    imagePullSecrets: config.PROXY_IMAGE_PULL_SECRETS,
    resources: config.PROXY_RESOURCES,
    caAddress,
    discoveryAddress: config.DISCOVERY_ADDRESS ?? `istiod.${config.ROOT_NAMESPACE}.svc:15012`,
    tokenAudience: config.TOKEN_AUDIENCE,
    trustDomain,
    clusterId: config.CLUSTER_ID,
    meshId: config.MESH_ID ?? trustDomain,
    network: config.NETWORK,
    revision: config.REVISION,
    nativeSidecars: false,
  };
  const injector = createInjector({
    client,
    logger,
    tls: identity.tls,
    port: config.WEBHOOK_PORT,
    webhookConfiguration: config.WEBHOOK_CONFIGURATION,
    metrics: registerInjectorMetrics(registry),
    context: () => ({
      settings: { ...settings, nativeSidecars: facts.nativeSidecars },
      defaultProxyConfig: facts.defaultProxyConfig,
      prometheusMerge: facts.prometheusMerge,
      conventionalServices: facts.conventionalServices,
      capturePorts: facts.capturePorts,
      proxyConfigs: proxyConfigs.current,
    }),
  });
  return {
    components: [identity, facts, proxyConfigs, injector.component],
    servers: [injector.server],
    adminPort: config.ADMIN_PORT,
    drainMs: config.DRAIN_MS,
    close: async () => client.close(),
  };
}
