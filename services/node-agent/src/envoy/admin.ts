import type { Address } from "./bootstrap.ts";

/** What the agent asks Envoy's admin interface. Every call is bounded; none but `text` rejects. */
export class EnvoyAdmin {
  readonly #base: string;

  constructor({ host, port }: Address) {
    this.#base = `http://${host}:${port}`;
  }

  /** Envoy takes traffic: initialised, with clusters and listeners received. Otherwise why not. */
  async readiness(): Promise<{ readonly ready: boolean; readonly detail?: string }> {
    try {
      const response = await this.#call("/ready");
      const state = (await response.text()).trim();
      return response.ok ? { ready: true } : { ready: false, detail: `envoy is ${state}` };
    } catch (error) {
      return {
        ready: false,
        detail: `envoy does not answer: ${error instanceof Error ? error.message : String(error)}`,
      };
    }
  }

  /** Envoy's metrics in Prometheus' text form. Rejects when Envoy does not answer. */
  async metrics(): Promise<string> {
    return (await this.#call("/stats/prometheus")).text();
  }

  /** Listeners go on with what they have and tell clients to go elsewhere. */
  async drain(): Promise<void> {
    await this.#call("/drain_listeners?graceful&skip_exit", "POST").catch(() => undefined);
  }

  async quit(): Promise<void> {
    await this.#call("/quitquitquit", "POST").catch(() => undefined);
  }

  #call(path: string, method = "GET"): Promise<Response> {
    return fetch(`${this.#base}${path}`, { method, signal: AbortSignal.timeout(2_000) });
  }
}
