import { loadClient, reviewToken } from "@lateen/kube";
import { openNatsStore } from "@lateen/mesh-store";
import { createGrpcServer } from "@lateen/rpc";
import { httpServer, serverOf } from "@lateen/runtime";
import type { App, AppContext } from "@lateen/runtime";
import { createCitadelLink } from "./citadel.ts";
import type { Config } from "./config.ts";
import { createPilot } from "./pilot.ts";
import type { AuthenticateToken } from "./proxies/admission.ts";

/** The wiring: store → pilot → one ADS service on two ports, debug pages on a third; the certificate is citadel's. */
export async function createApp(config: Config, { logger, registry }: AppContext): Promise<App> {
  const store = await openNatsStore({ ...config.nats, name: "pilot", logger });
  const citadel = createCitadelLink({
    address: config.CA_ADDR,
    rootFile: config.CA_ROOT_FILE,
    tokenFile: config.TOKEN_FILE,
    trustDomain: config.TRUST_DOMAIN,
    ttlSeconds: config.CERTIFICATE_TTL_SECONDS,
    logger,
  });
  const pilot = createPilot({
    store,
    logger,
    registry,
    replica: config.POD_NAME,
    rootNamespace: config.ROOT_NAMESPACE,
    trustDomain: config.TRUST_DOMAIN,
    domain: config.DOMAIN_SUFFIX,
    secrets: citadel.watchSecret,
    emptyMesh: config.EMPTY_MESH,
    debug: {
      authenticate: config.ENABLE_DEBUG_ENDPOINT_AUTH,
      namespaces: config.DEBUG_ENDPOINT_AUTH_ALLOWED_NAMESPACES,
    },

    handOffPerSecond: config.HAND_OFF_PER_SECOND,
    splitTablesFrom: config.SPLIT_ROUTE_TABLES_FROM,
    features: config.features,
    ...(config.TOKEN_REVIEW ? { authenticateToken: await tokenReview(config) } : {}),
  });
  const grpc = createGrpcServer({
    services: pilot.rpc,
    logger,
    maxConnectionAgeMs: config.MAX_CONNECTION_AGE_SECONDS * 1_000,
  });
  return {
    components: [pilot, citadel],
    servers: [
      serverOf(
        "grpc",
        grpc,
        { address: `0.0.0.0:${config.GRPC_PORT}` },
        { address: `0.0.0.0:${config.GRPC_TLS_PORT}`, tls: citadel.tls },
      ),
      httpServer({ name: "http", port: config.HTTP_PORT, logger, routes: pilot.routes }),
    ],
    adminPort: config.ADMIN_PORT,
    drainMs: config.DRAIN_MS,
    close: () => store.close(),
  };
}

async function tokenReview({
  TRUST_DOMAIN: trustDomain,
  TOKEN_AUDIENCES: audiences,
}: Config): Promise<AuthenticateToken> {
  const client = await loadClient();
  return async (token) => {
    const review = await reviewToken(client, token, audiences);
    if (!review.authenticated || review.serviceAccount === undefined) return undefined;
    return { trustDomain, namespace: review.serviceAccount.namespace, serviceAccount: review.serviceAccount.name };
  };
}
