import type { Component, Logger } from "@lateen/runtime";
import type { Registry } from "prom-client";
import { type ApplicationProbe, probeApplication } from "./application-probes.ts";
import type { EnvoyAdmin } from "./envoy/admin.ts";

export interface StatusOptions {
  readonly admin: EnvoyAdmin;
  readonly registry: Registry;
  readonly logger: Logger;
  /** Path → what to ask the application. */
  readonly probes: Readonly<Record<string, ApplicationProbe>>;
  /** Where the application listens, as seen from here. */
  readonly applicationHost: string;
  /** Asked to stop by `/quitquitquit`. */
  readonly stop: () => void;
}

/** What the kubelet, Prometheus and a job's main container ask of the agent, under Istio's paths. */
export function statusRoutes(options: StatusOptions): NonNullable<Component["routes"]> {
  const { admin, registry, logger, probes } = options;
  return async (app) => {
    app.get("/healthz/ready", async (_request, reply) => {
      const { ready, detail } = await admin.readiness();
      return reply.code(ready ? 200 : 503).send(detail ?? "");
    });
    app.get("/stats/prometheus", async (_request, reply) => {
      const envoy = await admin.metrics().catch((cause: unknown) => {
        logger.warn({ err: cause }, "envoy gave no metrics");
        return "";
      });
      return reply.type("text/plain; version=0.0.4").send(`${envoy}\n${await registry.metrics()}`);
    });
    app.post("/quitquitquit", async (_request, reply) => {
      options.stop();
      return reply.send("OK\n");
    });
    app.get("/app-health/*", async (request, reply) => {
      const probe = probes[request.url];
      if (probe === undefined)
        return reply.code(404).send(`no probe of the application is known under ${request.url}\n`);
      return reply.code(await probeApplication(probe, options.applicationHost)).send("");
    });
  };
}
