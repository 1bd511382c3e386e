import { type KubeClient, loadClient } from "@lateen/kube";
import { openNatsStore } from "@lateen/mesh-store";
import { createGrpcServer } from "@lateen/rpc";
import { type App, type AppContext, type Logger, MeshError, serverOf } from "@lateen/runtime";
import type { Authenticator } from "./authentication/authenticator.ts";
import { kubernetesToken } from "./authentication/kubernetes-token.ts";
import { openLocalTokenIssuer } from "./authentication/local-token.ts";
import { createCitadel } from "./citadel.ts";
import type { Config } from "./config.ts";
import { citadelCodes } from "./errors.ts";
import { FolderSecrets } from "./gateway-secrets/folder-source.ts";
import { KubernetesSecrets } from "./gateway-secrets/kubernetes-source.ts";
import type { SecretSource } from "./gateway-secrets/secret-source.ts";
import { createDirectoryKeyStore } from "./keys/directory-key-store.ts";
import type { KeyStore } from "./keys/key-store.ts";
import { createKubernetesKeyStore } from "./keys/kubernetes-key-store.ts";
import { createRootConfigMaps } from "./trust/root-config-maps.ts";

/** The whole service on one screen: key store and authenticators → citadel → one TLS port. */
export async function createApp(config: Config, { logger, registry }: AppContext): Promise<App> {
  const platform =
    config.KEY_STORE === "kubernetes" ? await onKubernetes(config, logger) : await inFolder(config, logger);
  const store = await openNatsStore({ ...config.nats, name: "citadel", logger });
  const citadel = createCitadel({
    ...platform,
    store,
    logger,
    registry,
    trustDomain: config.TRUST_DOMAIN,
    rootNamespace: config.ROOT_NAMESPACE,
    serviceAccount: config.SERVICE_ACCOUNT,
    servingNames: config.SERVING_NAMES,
    dnsNames: config.DNS_NAMES,
    secretReaders: config.SECRET_READERS,
    defaultTtlSeconds: config.DEFAULT_WORKLOAD_CERT_TTL,
    maxTtlSeconds: config.MAX_WORKLOAD_CERT_TTL,
    rootTtlSeconds: config.ROOT_CERT_TTL,
  });
  const { client } = platform;
  const { rootsPem, onRootsChanged } = citadel;
  const rootConfigMaps = client
    ? [createRootConfigMaps({ client, store, holder: config.POD_NAME, rootsPem, onRootsChanged, logger })]
    : [];
  const server = createGrpcServer({ services: citadel.rpc, logger });
  return {
    components: [citadel, ...rootConfigMaps],
    servers: [serverOf("grpc", server, { address: `0.0.0.0:${config.GRPC_PORT}`, tls: citadel.serving })],
    adminPort: config.ADMIN_PORT,
    drainMs: config.DRAIN_MS,
    async close() {
      client?.close();
      await store.close();
    },
  };
}

interface Platform {
  readonly keyStore: KeyStore;
  readonly authenticators: readonly Authenticator[];
  readonly secrets?: SecretSource;
  readonly client?: KubeClient;
}

async function onKubernetes(config: Config, logger: Logger): Promise<Platform> {
  const client = await loadClient();
  return {
    client,
    keyStore: createKubernetesKeyStore(client, config.ROOT_NAMESPACE),
    authenticators: [kubernetesToken({ client, trustDomain: config.TRUST_DOMAIN, audiences: config.TOKEN_AUDIENCES })],
    secrets: new KubernetesSecrets(client, logger),
  };
}

async function inFolder(
  { STATE_DIR: directory, SECRETS_DIR, TRUST_DOMAIN }: Config,
  logger: Logger,
): Promise<Platform> {
  if (directory === undefined)
    throw new MeshError(citadelCodes.caIncomplete, "STATE_DIR is not set: KEY_STORE=directory keeps the CA there");
  const tokens = await openLocalTokenIssuer(directory);
  return {
    keyStore: createDirectoryKeyStore(directory),
    authenticators: [tokens.authenticator(TRUST_DOMAIN)],
    ...(SECRETS_DIR !== undefined && { secrets: new FolderSecrets({ directory: SECRETS_DIR, logger }) }),
  };
}
