import fp from "fastify-plugin";
import type { Registry } from "prom-client";
import type { Health } from "./health.ts";
import { version } from "./version.ts";

export interface AdminOptions {
  readonly service: string;
  readonly registry: Registry;
  readonly health: Health;
}

/** What every service shows an operator: /metrics, /healthz (alive), /readyz (may take traffic) and /version. */
export const admin = fp<AdminOptions>(
  async (app, { service, registry, health }) => {
    app.get("/metrics", async (_request, reply) => {
      reply.type(registry.contentType);
      return registry.metrics();
    });
    app.get("/healthz", async () => ({ alive: true }));
    app.get("/readyz", async (_request, reply) => {
      const checks = health.run();
      reply.code(checks.every((check) => check.ready) ? 200 : 503);
      return { checks };
    });
    app.get("/version", async () => ({ service, version: version(), node: process.version, clientVersion: build() }));
    app.addHook("preClose", async () => health.startDraining()); // readiness goes red before sockets close
  },
  { name: "@lateen/admin", fastify: "5.x" },
);

/** How Istio's programs tell their build; `istioctl version` reads it, and takes no page without it. */
function build(): object {
  return { version: version(), revision: "unknown", golang_version: "", status: "Clean", tag: version() };
}
