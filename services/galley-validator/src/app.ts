import { createServingIdentity } from "@lateen/identity";
import { keepWebhookCaBundle, loadClient } from "@lateen/kube";
import type { KubeClient } from "@lateen/kube";
import { openNatsStore } from "@lateen/mesh-store";
import { httpServer } from "@lateen/runtime";
import type { App, AppContext, Component } from "@lateen/runtime";
import { millisecondsOf } from "./config.ts";
import type { Config } from "./config.ts";
import { createGalleyValidator } from "./galley-validator.ts";

/** The whole service on one screen. With a folder there is no API server, so there is no webhook either. */
export async function createApp(config: Config, { logger, registry }: AppContext): Promise<App> {
  const client = config.SOURCE === "kubernetes" ? await loadClient() : undefined;
  const store = await openNatsStore({ ...config.store, name: "galley-validator", logger });
  const galley = createGalleyValidator({
    store,
    logger,
    registry,
    source: client ? { kind: "kubernetes", client } : { kind: "folder", directory: config.CONFIG_DIR ?? "." },
    rootNamespace: config.ROOT_NAMESPACE,
    domain: config.DOMAIN_SUFFIX,
    cluster: config.CLUSTER_ID,
    instance: config.POD_NAME,
    leaseMs: config.LEASE_MS,
    workloadEntryGraceMs: millisecondsOf(config.PILOT_WORKLOAD_ENTRY_GRACE_PERIOD),
  });
  const { CA_ROOT_FILE: rootFile, TOKEN_FILE: tokenFile, TRUST_DOMAIN: trustDomain, ROOT_NAMESPACE: root } = config;
  const identity = createServingIdentity({
    caAddress: config.CA_ADDR ?? `lateen-citadel.${root}.svc:15012`,
    rootFile,
    tokenFile,
    trustDomain,
    logger,
  });
  const webhook = httpServer({
    name: "webhook",
    port: config.WEBHOOK_PORT,
    tls: identity.tls,
    logger,
    bodyLimit: 8 * 1_048_576, // an object and the one it replaces, each up to the API server's 3 MiB
    routes: (app) => galley.admission(app),
  });
  const trust = client && createTrust(client, config, { logger, registry }, identity);
  return {
    components: trust ? [galley, identity, trust] : [galley],
    servers: trust ? [webhook] : [],
    adminPort: config.ADMIN_PORT,
    drainMs: config.DRAIN_MS,
    async close() {
      client?.close();
      await store.close();
    },
  };
}

/** Keeps the API server trusting the webhook's certificate. */
function createTrust(
  client: KubeClient,
  config: Config,
  { logger }: AppContext,
  { tls }: ReturnType<typeof createServingIdentity>,
): Component {
  return {
    name: "webhook-trust",
    checks: [],
    run: (signal) =>
      keepWebhookCaBundle(
        client,
        {
          kind: "ValidatingWebhookConfiguration",
          name: config.WEBHOOK_CONFIGURATION,
          caBundlePem: () => tls.current?.rootsPem,
          onChange: (changed) => tls.onChange(changed),
          logger,
        },
        signal,
      ),
  };
}
