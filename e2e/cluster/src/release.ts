import { attempt, capture } from "./command.ts";
import type { Cluster } from "./cluster.ts";

export interface ReleaseOptions {
  readonly name: string;
  readonly namespace: string;
  readonly chart: string;
  readonly cluster: Cluster;
}

/** One Helm release of the chart. */
export class Release {
  readonly #options: ReleaseOptions;

  constructor(options: ReleaseOptions) {
    this.#options = options;
  }

  /** Waits until all is ready. */
  async install(args: readonly string[], timeoutMs: number): Promise<void> {
    await this.#helm(
      ["install", this.#options.name, this.#options.chart, "--wait", "--timeout", seconds(timeoutMs), ...args],
      timeoutMs,
    );
  }

  async upgrade(args: readonly string[], timeoutMs: number): Promise<void> {
    await this.#helm(
      ["upgrade", this.#options.name, this.#options.chart, "--wait", "--timeout", seconds(timeoutMs), ...args],
      timeoutMs,
    );
  }

  /** Nothing to remove is no mistake. */
  async uninstall(timeoutMs = 720_000): Promise<void> {
    await this.#helm(
      ["uninstall", this.#options.name, "--ignore-not-found", "--wait", "--timeout", seconds(timeoutMs)],
      timeoutMs,
    );
  }

  #helm(args: readonly string[], timeoutMs: number): Promise<string> {
    const { namespace, cluster } = this.#options;
    return capture("helm", [...args, "--namespace", namespace], {
      timeoutMs: timeoutMs + 10_000,
      env: cluster.environment,
    });
  }
}

/** Renders a chart. The answer has helm's exit code and what it said. */
export function renderChart(chart: string, args: readonly string[] = []) {
  return attempt("helm", ["template", "lateen", chart, "--namespace", "istio-system", ...args]);
}

export function lintChart(chart: string) {
  return attempt("helm", ["lint", "--strict", chart]);
}

function seconds(ms: number): string {
  return `${Math.ceil(ms / 1000)}s`;
}
