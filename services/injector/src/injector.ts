import { keepWebhookCaBundle } from "@lateen/kube";
import type { KubeClient } from "@lateen/kube";
import type { TlsSource } from "@lateen/rpc";
import { fields, httpServer } from "@lateen/runtime";
import type { Component, Logger, Server } from "@lateen/runtime";
import type { FastifyInstance } from "fastify";
import { BadReview, reviewPod } from "./admission.ts";
import type { InjectionContext } from "./inject.ts";
import type { InjectorMetrics } from "./metrics.ts";

export interface InjectorOptions {
  /** Asked for each pod: the mesh configuration may change. */
  readonly context: () => Omit<InjectionContext, "namespace">;
  readonly client: KubeClient;
  readonly tls: TlsSource;
  readonly webhookConfiguration: string;
  readonly port: number;
  readonly metrics: InjectorMetrics;
  readonly logger: Logger;
  readonly onListening?: (address: string) => void;
}

/** The webhook: the component keeps the API server trusting it, the server answers. */
export function createInjector(options: InjectorOptions): { component: Component; server: Server } {
  const { client, tls, logger, webhookConfiguration } = options;
  const component: Component = {
    name: "injector",
    checks: [],
    run: (signal) =>
      keepWebhookCaBundle(
        client,
        {
          kind: "MutatingWebhookConfiguration",
          name: webhookConfiguration,
          caBundlePem: () => tls.current?.rootsPem,
          onChange: (changed) => tls.onChange(changed),
          logger,
        },
        signal,
      ),
  };
  const server = httpServer({
    name: "webhook",
    port: options.port,
    tls,
    logger,
    bodyLimit: 8 * 1_048_576, // the API server's own limit for an object is 3 MiB, before its JSON is wrapped
    routes: (app) => addRoutes(app, options),
    ...(options.onListening && { onListening: options.onListening }),
  });
  return { component, server };
}

/** `/inject` and, as Istio's configurations have it, `/inject/cluster/<id>/net/<network>`: the rest of the path is not used. */
function addRoutes(app: FastifyInstance, { context, metrics, logger }: InjectorOptions): void {
  for (const path of ["/inject", "/inject/*"]) {
    app.post(path, async (request, reply) => {
      const started = performance.now();
      try {
        const { review, outcome, pod } = reviewPod(request.body, context());
        metrics.reviewed(outcome, (performance.now() - started) / 1000);
        if (outcome === "refused")
          logger.warn(
            { [fields.resource]: `Pod/${pod}`, [fields.reason]: review.response.status?.message },
            "pod refused",
          );
        else logger.debug({ [fields.resource]: `Pod/${pod}`, [fields.reason]: outcome }, "pod reviewed");
        return review;
      } catch (error) {
        metrics.failed();
        if (error instanceof BadReview) return reply.code(400).send({ error: error.message });
        throw error;
      }
    });
  }
}
