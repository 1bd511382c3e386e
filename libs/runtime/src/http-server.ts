import { createSecureContext } from "node:tls";
import { type FastifyInstance, fastify } from "fastify";
import type { Server } from "./component.ts";
import { fields } from "./field-names.ts";
import type { Logger } from "./logger.ts";

/** A serving certificate that may change: `TlsSource` of `@lateen/rpc` fits. */
export interface ServingTls {
  readonly current: { readonly certificateChainPem: string; readonly privateKeyPem: string } | undefined;
  onChange(callback: () => void): unknown;
}

export interface HttpServerOptions {
  readonly name: string;
  readonly host?: string;
  /** 0: the system chooses; the log says which. */
  readonly port: number;
  readonly logger: Logger;
  readonly tls?: ServingTls;
  /** Largest request body; default 1 MiB. */
  readonly bodyLimit?: number;
  readonly routes: (app: FastifyInstance) => Promise<void> | void;
  readonly onListening?: (address: string) => void;
}

/** An HTTP(S) server of its own port: webhooks, debug pages. A renewed certificate serves new connections at once. */
export function httpServer(options: HttpServerOptions): Server {
  return {
    name: options.name,
    async start() {
      const app = createApp(options);
      app.setErrorHandler<Error & { statusCode?: number }>(async (error, _request, reply) => {
        const status = error.statusCode ?? 500;
        if (status >= 500)
          options.logger.error({ [fields.error]: error, [fields.listener]: options.name }, "request failed");
        return reply.code(status).send({ error: status >= 500 ? "internal error" : error.message });
      });
      await options.routes(app);
      const address = await app.listen({ host: options.host ?? "0.0.0.0", port: options.port });
      options.logger.info({ [fields.listener]: options.name, [fields.address]: address }, "listening");
      options.onListening?.(address);
      return () => app.close();
    },
  };
}

function createApp(options: HttpServerOptions): FastifyInstance {
  const settings = {
    logger: false,
    forceCloseConnections: true,
    bodyLimit: options.bodyLimit ?? 1_048_576,
    // istioctl asks for //version: https://github.com/istio/istio/blob/eed52ebb66ad/pkg/kube/client.go#L1069
    routerOptions: { ignoreDuplicateSlashes: true },
  } as const;
  const tls = options.tls;
  if (tls === undefined) return fastify(settings);
  const app = fastify({ ...settings, https: contextOf(tls) });
  tls.onChange(() => app.server.setSecureContext(contextOf(tls)));
  return app as unknown as FastifyInstance;
}

function contextOf(tls: ServingTls): { cert?: string; key?: string } {
  const pair = tls.current;
  if (pair === undefined) return {}; // handshakes fail until the first certificate is there
  const context = { cert: pair.certificateChainPem, key: pair.privateKeyPem };
  createSecureContext(context); // throws here, with the reason, rather than in every handshake
  return context;
}
