import type { IncomingMessage, ServerResponse } from "node:http";
import type { Health, Logger, Server } from "@lateen/runtime";
import { fields, toError, version } from "@lateen/runtime";
import { type ApplicationProbe, probeApplication } from "./application-probes.ts";
import type { EnvoyAdmin } from "./envoy/admin.ts";
import type { Address } from "./envoy/bootstrap.ts";
import { http } from "./http-client.ts";
import { type ApplicationMetrics, mergedMetrics } from "./merged-metrics.ts";
import type { AgentMetrics } from "./metrics.ts";

export interface StatusOptions {
  readonly address: Address;
  readonly admin: EnvoyAdmin;
  readonly metrics: Pick<AgentMetrics, "registry" | "scraped" | "scrapeFailed">;
  /** Where the application has metrics to be shown with the others. */
  readonly applicationMetrics: ApplicationMetrics | undefined;
  /** Metrics go out compressed to whoever takes them so. */
  readonly compressed: boolean;
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
  readonly compressed?: boolean;
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

function routesOf({ admin, metrics, health, stop, ...options }: StatusOptions): Routes {
  const { registry } = metrics;
  return {
    "GET /healthz/ready": async () => {
      if (health.run().some((check) => check.name === "lifecycle" && !check.ready))
        return { status: 503, body: "draining" };
      const { ready, detail } = await admin.readiness();
      return { status: ready ? 200 : 503, body: detail ?? "" };
    },
    "GET /stats/prometheus": async ({ url = "", headers }) => {
      metrics.scraped();
      const sources = {
        envoy: (query: string, timeoutMs: number) => admin.metrics(query, timeoutMs),
        agent: () => registry.metrics(),
        application: options.applicationMetrics,
        failed: (source: "envoy" | "application", cause: unknown) => {
          metrics.scrapeFailed(source);
          options.logger.warn({ [fields.error]: toError(cause) }, `no metrics of ${source}`);
        },
      };
      const query = url.includes("?") ? url.slice(url.indexOf("?")) : "";
      return { ...(await mergedMetrics(sources, { query, headers })), compressed: options.compressed };
    },
    "GET /metrics": async () => ({ type: registry.contentType, body: await registry.metrics() }),
    "GET /healthz": () => ({ body: { alive: true } }),
    "GET /readyz": async () => {
      const checks = [...health.run(), { name: "envoy", ...(await admin.readiness()) }];
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
    const { status = 200, type, body, compressed = false } = await answerTo(request, routes, options);
    const json = typeof body !== "string";
    const text = json ? JSON.stringify(body) : body;
    const zipped = compressed && /\bgzip\b/.test(String(request.headers["accept-encoding"] ?? ""));
    response.writeHead(status, {
      "content-type": type ?? (json ? "application/json" : "text/plain; charset=utf-8"),
      ...(zipped && { "content-encoding": "gzip" }),
    });
    response.end(zipped ? await gzip(text) : text);
  } catch (error) {
    options.logger.error({ [fields.error]: toError(error) }, "status request failed");
    response.writeHead(500).end("internal error\n");
  }
}

/** Its module is loaded when someone asks: the agent's memory is paid for once a workload. */
function gzip(text: string): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const { gzip: zip } = process.getBuiltinModule("node:zlib");
  zip(text, (error, bytes) => (error === null ? resolve(bytes) : reject(error)));
  return promise;
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
