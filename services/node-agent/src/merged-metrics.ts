import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";
import { ConfigError } from "@lateen/runtime";
import { ask } from "./http-client.ts";
import { parseJson } from "./parse-json.ts";

/** Where the application shows its own metrics. */
export interface ApplicationMetrics {
  readonly port: string;
  readonly path: string;
}

export interface MetricsSources {
  /** Envoy's page; `query` as Prometheus wrote it. */
  readonly envoy: (query: string, timeoutMs: number) => Promise<string>;
  /** The agent's own. */
  readonly agent: () => Promise<string>;
  readonly application: ApplicationMetrics | undefined;
  /** What could not be had, and why; the answer is what is left. */
  readonly failed: (source: "envoy" | "application", cause: unknown) => void;
}

export interface MetricsPage {
  readonly type: string;
  readonly body: string;
}

const textType = "text/plain; version=0.0.4; charset=utf-8";

/** Prometheus' own default, where it does not say. */
const usualTimeoutMs = 10_000;

/**
 * Envoy's metrics, the agent's and the application's on one page. Who fails, or is slower than Prometheus waits, is left
 * out. The application's come last and give the page its form: OpenMetrics ends with a line that says so.
 */
export async function mergedMetrics(
  sources: MetricsSources,
  { query, headers }: { readonly query: string; readonly headers: IncomingHttpHeaders },
): Promise<MetricsPage> {
  const timeoutMs = timeoutOf(headers);
  const orNothing = (source: "envoy" | "application") => (cause: unknown) => {
    sources.failed(source, cause);
    return undefined;
  };
  const { application } = sources;
  const [envoy, agent, own] = await Promise.all([
    sources.envoy(query, timeoutMs).catch(orNothing("envoy")),
    sources.agent(),
    application && ofApplication(application, headers, timeoutMs).catch(orNothing("application")),
  ]);
  const pages = [prefixed(agent), envoy ?? "", own?.body ?? ""].filter((text) => text !== "");
  const body = pages.map((text) => (text.endsWith("\n") ? text : `${text}\n`)).join("");
  if (own?.type === undefined) return { type: textType, body };
  return { type: own.type, body: body.replaceAll(/\n{2,}/g, "\n") }; // OpenMetrics has no empty lines
}

/** The application measures its process under the same names, as every client library does. */
function prefixed(text: string): string {
  return text.replaceAll(/^(# (?:HELP|TYPE) )?process_/gm, "$1istio_agent_process_");
}

/** Time enough to answer with the rest before Prometheus goes. */
function timeoutOf(headers: IncomingHttpHeaders): number {
  const seconds = Number(headers["x-prometheus-scrape-timeout-seconds"]);
  return Math.ceil(0.9 * (seconds > 0 ? seconds * 1_000 : usualTimeoutMs));
}

async function ofApplication(
  { port, path }: ApplicationMetrics,
  headers: IncomingHttpHeaders,
  timeoutMs: number,
): Promise<{ readonly body: string; readonly type: string | undefined }> {
  const url = `http://localhost:${port}${path.startsWith("/") ? "" : "/"}${path}`;
  const { status, body, type = "" } = await ask(url, { headers: passedOn(headers), timeoutMs });
  if (status !== 200) throw new Error(`${url} answered ${status}`);
  return { body, type: openMetricsOf(type) };
}

/** Only what can be put together with other pages is asked for: not protobuf. */
function passedOn(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const accepted = (headers.accept ?? "").split(",").filter((range) => !range.includes("protobuf"));
  const names = ["user-agent", "x-prometheus-scrape-timeout-seconds"] as const;
  return {
    ...Object.fromEntries(names.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]]))),
    ...(accepted.join("").trim() !== "" && { accept: accepted.join(",") }),
  };
}

/** OpenMetrics in a version that is known; undefined for text, and for what is neither, as in Istio. */
function openMetricsOf(type: string): string | undefined {
  const [media, ...parameters] = type.split(";").map((part) => part.trim().toLowerCase());
  if (media !== "application/openmetrics-text") return undefined;
  const version = parameters.find((one) => one.startsWith("version="))?.slice("version=".length) ?? "0.0.1";
  return version === "1.0.0" || version === "0.0.1"
    ? `application/openmetrics-text; version=${version}; charset=utf-8`
    : undefined;
}

/** What the injector passed on of the pod's annotations. Throws ConfigError where this would ask the agent itself. */
export function applicationMetricsOf(text: string | undefined, statusPort: number): ApplicationMetrics | undefined {
  if (text === undefined) return undefined;
  const variable = "ISTIO_PROMETHEUS_ANNOTATIONS";
  const said = parseJson(variable, text) as { scrape?: string; path?: string; port?: string };
  if (said.scrape === "false") return undefined;
  const port = said.port || "80";
  if (port === String(statusPort))
    throw new ConfigError(new Map([[variable, `names the agent's own port ${port}; give the application's`]]));
  return { port, path: said.path || "/metrics" };
}
