import { collectDefaultMetrics, Gauge, Registry } from "prom-client";
import { version } from "./version.ts";

/** A registry with the process's own metrics and `lateen_build_info`. Every package registers into one that is passed in. */
export function createRegistry(service: string): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const build = new Gauge({
    name: "lateen_build_info",
    help: "Always 1; the labels say which service and version this is.",
    labelNames: ["service", "version"],
    registers: [registry],
  });
  build.set({ service, version: version() }, 1);
  return registry;
}
