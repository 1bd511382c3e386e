import type { IncomingMessage, ServerResponse } from "node:http";
import type { Health, Logger, Server } from "@lateen/runtime";
import { fields, toError, version } from "@lateen/runtime";
import type { Registry } from "prom-client";
import { type ApplicationProbe, probeApplication } from "./application-probes.ts";
import type { EnvoyAdmin } from "./envoy/admin.ts";
import type { Address } from "./envoy/bootstrap.ts";
import { http } from "./http-client.ts";

export interface StatusOptions {
  readonly address: Address;
  readonly admin: EnvoyAdmin;
  readonly registry: Registry;
  readonly health: Health;
  readonly logger: Logger;
  /** Path → what to ask the application. */
  readonly probes: Readonly<Record<string, ApplicationProbe>>;
  /** Where the application listens, as seen from here. */
  readonly applicationHost: string;
  /** Asked to stop by `/quitquitquit`, which only the pod's own containers may call. */
  readonly stop: () => void;
}

/** Text, or a value to be shown as JSON. */
interface Answer {
  readonly status?: number;
  readonly type?: string;
  readonly body: string | object;
}

/**
 * What the kubelet, Prometheus and a job's main container ask of the agent, under Istio's paths, and what every service
 * shows an operator. Over plain node:http: the agent stands beside every workload, and a framework costs 7 MB.
 */
export function statusServer(options: StatusOptions): Server {
  return {
    name: "status",
    async start() {
      const routes = routesOf(options);
      const server = http.createServer((request, response) => void serve(request, response, { routes, options }));
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      server.once("error", reject).listen(options.address, resolve);
      await promise;
      return async () => {
        const closed = Promise.withResolvers<void>();
        server.close(() => closed.resolve());
        server.closeAllConnections();
        await closed.promise;
      };
    },
  };
}

type Route = (request: IncomingMessage) => Promise<Answer> | Answer;
type Routes = Readonly<Record<string, Route>>;

function routesOf({ admin, registry, health, logger, stop }: StatusOptions): Routes {
  return {
    "GET /healthz/ready": async () => {
      if (health.run().some((check) => check.name === "lifecycle" && !check.ready))
        return { status: 503, body: "draining" };
      const { ready, detail } = await admin.readiness();
      return { status: ready ? 200 : 503, body: detail ?? "" };
    },
    "GET /stats/prometheus": async () => {
      const envoy = await admin.metrics().catch((cause: unknown) => {
        logger.warn({ [fields.error]: toError(cause) }, "envoy gave no metrics");
        return "";
      });
      return { type: "text/plain; version=0.0.4", body: `${envoy}\n${await registry.metrics()}` };
    },
    "GET /metrics": async () => ({ type: registry.contentType, body: await registry.metrics() }),
    "GET /healthz": () => ({ body: { alive: true } }),
    "GET /readyz": () => {
      const checks = health.run();
      return { status: checks.every((check) => check.ready) ? 200 : 503, body: { checks } };
    },
    "GET /version": () => ({ body: { service: "node-agent", version: version(), node: process.version } }),
    "POST /quitquitquit": ({ socket }) => {
      if (!isLoopback(socket.remoteAddress)) return { status: 403, body: "only from inside the pod\n" };
      stop();
      return { body: "OK\n" };
    },
  };
}

/** `address` as a socket tells it, where an IPv4 peer of an IPv6 socket begins with `::ffff:`. */
export function isLoopback(address: string | undefined): boolean {
  return address === "::1" || /^(::ffff:)?127\./.test(address ?? "");
}

interface Serving {
  readonly routes: Routes;
  readonly options: StatusOptions;
}

async function serve(request: IncomingMessage, response: ServerResponse, { routes, options }: Serving): Promise<void> {
  request.resume();
  try {
    const { status = 200, type, body } = await answerTo(request, routes, options);
    const json = typeof body !== "string";
    response.writeHead(status, { "content-type": type ?? (json ? "application/json" : "text/plain; charset=utf-8") });
    response.end(json ? JSON.stringify(body) : body);
  } catch (error) {
    options.logger.error({ [fields.error]: toError(error) }, "status request failed");
    response.writeHead(500).end("internal error\n");
  }
}

async function answerTo(request: IncomingMessage, routes: Routes, options: StatusOptions): Promise<Answer> {
  const { method = "", url = "/" } = request;
  const [path = "/"] = url.split("?");
  const probe = Object.hasOwn(options.probes, url) ? options.probes[url] : undefined;
  if (probe !== undefined && method === "GET")
    return { status: await probeApplication(probe, options.applicationHost), body: "" };
  const route = `${method === "HEAD" ? "GET" : method} ${path}`;
  const handler = Object.hasOwn(routes, route) ? routes[route] : undefined;
  if (handler !== undefined) return await handler(request);
  if (path.startsWith("/app-health/"))
    return { status: 404, body: `no probe of the application is known under ${url}\n` };
  return { status: 404, body: `there is no ${method} ${path} here\n` };
}
