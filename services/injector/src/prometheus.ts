import type { PodSettings } from "./annotations.ts";
import type { Pod } from "./pod.ts";

type Annotations = NonNullable<Pod["metadata"]["annotations"]>;

export interface Scraped {
  /** The pod's own, with the agent's in the place of what it said to Prometheus. */
  readonly annotations: Annotations;
  /** What it said, for the agent, which asks the application and answers for both; absent where it said nothing. */
  readonly application?: string;
}

const parts: ReadonlyMap<string, "scrape" | "port" | "path"> = new Map([
  ["prometheus_io_scrape", "scrape"],
  ["prometheus_io_port", "port"],
  ["prometheus_io_path", "path"],
]);

/**
 * Sends Prometheus to the agent's port, as Istio does: not where the pod or the mesh will not have it, nor a pod that is
 * not to be scraped, nor one that names this port already. Prometheus knows `prometheus.io/path` and `prometheus_io_path`
 * by the same name.
 */
export function scrapedByAgent(
  { metadata: { annotations = {} } }: Pod,
  { mergeMetrics }: PodSettings,
  { enabled, statusPort }: { readonly enabled: boolean; readonly statusPort: number },
): Scraped {
  const said: { scrape?: string; path?: string; port?: string } = {};
  for (const [name, value] of Object.entries(annotations)) {
    const part = partOf(name);
    if (part !== undefined) said[part] = value;
  }
  if (!(mergeMetrics ?? enabled) || isFalse(said.scrape) || said.port === String(statusPort)) return { annotations };
  const kept = Object.entries(annotations).filter(([name]) => partOf(name) === undefined);
  const { scrape = "", path = "", port = "" } = said;
  return {
    annotations: {
      ...Object.fromEntries(kept),
      "prometheus.io/scrape": "true",
      "prometheus.io/port": String(statusPort),
      "prometheus.io/path": "/stats/prometheus",
    },
    ...(Object.keys(said).length > 0 && { application: JSON.stringify({ scrape, path, port }) }),
  };
}

function partOf(name: string): "scrape" | "port" | "path" | undefined {
  return parts.get(name.replaceAll(/[^A-Za-z0-9_]/g, "_"));
}

/** As Go reads it; anything else is no answer. */
function isFalse(text: string | undefined): boolean {
  return ["0", "f", "F", "false", "FALSE", "False"].includes(text ?? "");
}
