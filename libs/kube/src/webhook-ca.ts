import { Backoff, sleep } from "./backoff.ts";
import type { KubeClient } from "./client.ts";
import { silent } from "./logger.ts";
import type { KubeLogger } from "./logger.ts";
import { Reflector } from "./reflector.ts";
import type { ResourceType } from "./resource.ts";

export type WebhookKind = "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration";

const webhookTypes: Readonly<Record<WebhookKind, ResourceType>> = {
  MutatingWebhookConfiguration: {
    apiVersion: "admissionregistration.k8s.io/v1",
    plural: "mutatingwebhookconfigurations",
  },
  ValidatingWebhookConfiguration: {
    apiVersion: "admissionregistration.k8s.io/v1",
    plural: "validatingwebhookconfigurations",
  },
};

interface Webhook {
  readonly clientConfig?: { readonly caBundle?: string };
}

/**
 * Makes every webhook of a configuration trust `caBundlePem`. Writes only where it differs; a concurrent change of
 * the configuration is a 409 (`isConflict`), to be tried again.
 */
export async function patchWebhookCaBundle(
  client: KubeClient,
  { kind, name }: { readonly kind: WebhookKind; readonly name: string },
  caBundlePem: string,
  options: { signal?: AbortSignal } = {},
): Promise<"patched" | "unchanged" | "missing"> {
  const type = webhookTypes[kind];
  const found = await client.get(type, { name }, options);
  if (found === undefined) return "missing";
  const caBundle = Buffer.from(caBundlePem).toString("base64");
  const webhooks = (found["webhooks"] ?? []) as readonly Webhook[];
  if (webhooks.every((webhook) => webhook.clientConfig?.caBundle === caBundle)) return "unchanged";
  const { resourceVersion } = found.metadata;
  const patch = [
    { op: "replace", path: "/metadata/resourceVersion", value: resourceVersion }, // the server then refuses a stale patch
    ...webhooks.map((_, index) => ({ op: "add", path: `/webhooks/${index}/clientConfig/caBundle`, value: caBundle })),
  ];
  await client.patch(type, { name }, patch, { ...options, type: "json" });
  return "patched";
}

export interface KeepCaBundleOptions {
  readonly kind: WebhookKind;
  /** The configuration's name. Its absence is waited out. */
  readonly name: string;
  /** The roots to trust now; undefined while there are none yet. */
  readonly caBundlePem: () => string | undefined;
  /** Told of every change of the roots: calls `changed`. */
  readonly onChange?: (changed: () => void) => unknown;
  readonly logger?: KubeLogger;
}

/**
 * Keeps a webhook configuration trusting the current roots: now, when the roots change, and when somebody writes the
 * configuration anew (as an upgrade does). Resolves when the signal aborts.
 */
export async function keepWebhookCaBundle(
  client: KubeClient,
  options: KeepCaBundleOptions,
  signal: AbortSignal,
): Promise<void> {
  const { kind, name, logger = silent } = options;
  let wake = Promise.withResolvers<void>();
  const changed = () => wake.resolve();
  const handler = { reset: changed, apply: changed, delete: () => {} };
  const reflector = new Reflector(client, {
    type: webhookTypes[kind],
    fieldSelector: `metadata.name=${name}`,
    handler,
    logger,
  });
  const following = reflector.run(signal);
  options.onChange?.(changed);
  signal.addEventListener("abort", changed, { once: true });
  const backoff = new Backoff({ firstMs: 100, maxMs: 10_000 });
  while (!signal.aborted) {
    await wake.promise;
    wake = Promise.withResolvers<void>();
    const caBundle = options.caBundlePem();
    if (signal.aborted || caBundle === undefined) continue;
    try {
      const outcome = await patchWebhookCaBundle(client, { kind, name }, caBundle, { signal });
      if (outcome === "patched") logger.info({ kind, name }, "webhook configuration trusts the current roots");
      backoff.reset();
    } catch (error) {
      if (!signal.aborted)
        logger.warn(
          { kind, name, problem: String(error) },
          "cannot write the roots into a webhook configuration, retrying",
        );
      await sleep(backoff.nextMs(), signal);
      changed();
    }
  }
  await following;
}
