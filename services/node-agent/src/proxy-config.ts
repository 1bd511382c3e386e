import { MeshError } from "@lateen/runtime";

/** Of the mesh's ProxyConfig, what the agent itself acts on. Pilot sees all of it as node metadata. */
export interface ProxyConfig {
  readonly raw: object;
  readonly discoveryAddress?: string;
  /** Envoy's worker threads; 0: one a core. */
  readonly concurrency: number;
  readonly drainMs: number;
}

/** Reads JSON or YAML. Throws, naming the field and its value, where the agent cannot follow it. */
export async function readProxyConfig(text: string): Promise<ProxyConfig> {
  const raw = (await parse(text)) ?? {};
  if (typeof raw !== "object" || Array.isArray(raw))
    throw new MeshError("agent_proxy_config", "PROXY_CONFIG is not an object; write a ProxyConfig as JSON or YAML");
  const address = raw["discoveryAddress"];
  return {
    raw,
    concurrency: concurrencyOf(raw["concurrency"] ?? 2),
    drainMs: drainMsOf(raw["terminationDrainDuration"] ?? "5s"),
    ...(typeof address === "string" && address !== "" && { discoveryAddress: address }),
  };
}

/** The injector writes JSON. Whoever writes YAML pays for its parser, which is loaded then. */
async function parse(text: string): Promise<Record<string, unknown> | null> {
  try {
    return JSON.parse(text) as Record<string, unknown> | null;
  } catch {
    const yaml = await import("yaml");
    return yaml.parse(text) as Record<string, unknown> | null;
  }
}

function concurrencyOf(value: unknown): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0) return value;
  throw invalid("concurrency", value, "write a whole number, 0 for one thread a core");
}

function drainMsOf(value: unknown): number {
  const [, seconds] = /^(\d+(?:\.\d+)?)s$/.exec(String(value)) ?? [];
  if (seconds === undefined) throw invalid("terminationDrainDuration", value, 'write seconds, as in "5s"');
  return Number(seconds) * 1000;
}

function invalid(field: string, value: unknown, remedy: string): MeshError {
  return new MeshError("agent_proxy_config", `PROXY_CONFIG ${field} is ${JSON.stringify(value)}; ${remedy}`);
}
