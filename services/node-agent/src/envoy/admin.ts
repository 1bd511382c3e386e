import { ask, type HttpAnswer } from "../http-client.ts";
import type { Address } from "./bootstrap.ts";

/** What the agent asks Envoy's admin interface. Every call is bounded; none but `metrics` rejects. */
export class EnvoyAdmin {
  readonly #base: string;

  constructor({ host, port }: Address) {
    this.#base = `http://${host}:${port}`;
  }

  /** Envoy takes traffic: initialised, with clusters and listeners received. Otherwise why not. */
  async readiness(): Promise<{ readonly ready: boolean; readonly detail?: string }> {
    try {
      const { status, body } = await this.#ask("/ready");
      return status === 200 ? { ready: true } : { ready: false, detail: `envoy is ${body.trim()}` };
    } catch (error) {
      return {
        ready: false,
        detail: `envoy does not answer: ${error instanceof Error ? error.message : String(error)}`,
      };
    }
  }

  /** Envoy's metrics in Prometheus' text form. Rejects when Envoy does not answer. */
  async metrics(query: string, timeoutMs: number): Promise<string> {
    return (await this.#ask(`/stats/prometheus${query}`, "GET", timeoutMs)).body;
  }

  /** Listeners go on with what they have and tell clients to go elsewhere. */
  async drain(): Promise<void> {
    await this.#ask("/drain_listeners?graceful&skip_exit", "POST").catch(() => undefined);
  }

  #ask(path: string, method = "GET", timeoutMs = 2_000): Promise<HttpAnswer> {
    return ask(`${this.#base}${path}`, { method, timeoutMs });
  }
}
