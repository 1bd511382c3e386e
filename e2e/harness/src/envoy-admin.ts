/** One counter, gauge or text of Envoy's /stats. */
type Stat = { readonly name?: string; readonly value?: number | string };

/** One cluster's endpoint as /clusters?format=json lists it. */
export interface HostStatus {
  readonly cluster: string;
  readonly address: string;
  readonly port: number;
  readonly healthy: boolean;
  readonly requests: number;
}

/** Questions to one Envoy's admin port. */
export class EnvoyAdmin {
  readonly #origin: string;

  constructor(origin: string) {
    this.#origin = origin;
  }

  async get(path: string): Promise<string> {
    const response = await fetch(`${this.#origin}${path}`, { signal: AbortSignal.timeout(30_000) });
    const body = await response.text();
    if (!response.ok) throw new Error(`Envoy admin ${path} answered ${response.status}: ${body}`);
    return body;
  }

  async post(path: string): Promise<void> {
    await fetch(`${this.#origin}${path}`, { method: "POST", signal: AbortSignal.timeout(30_000) });
  }

  /** Whether it is live: initial clusters and listeners are there. */
  async isReady(): Promise<boolean> {
    return (await this.get("/ready")).startsWith("LIVE");
  }

  /** Live, and its workers take connections: they begin a moment later. */
  async isServing(): Promise<boolean> {
    if (!(await this.isReady())) return false;
    return (await this.stats(/^listener_manager\.workers_started$/)).get("listener_manager.workers_started") === 1;
  }

  /** Numeric stats whose name matches, unused ones too. */
  async stats(filter: RegExp): Promise<ReadonlyMap<string, number>> {
    const { stats } = JSON.parse(await this.get("/stats?format=json")) as { stats: readonly Stat[] };
    const matching = stats.flatMap(({ name, value }): [string, number][] =>
      name !== undefined && typeof value === "number" && filter.test(name) ? [[name, value]] : [],
    );
    return new Map(matching);
  }

  /** How many updates it took and refused, over all xDS types and resources. A refused one is a NACK. */
  async updates(): Promise<{
    readonly accepted: number;
    readonly rejected: number;
    readonly rejectedNames: readonly string[];
  }> {
    const stats = await this.stats(/\.update_(success|rejected)$/);
    const of = (ending: string): [string, number][] => [...stats].filter(([name]) => name.endsWith(ending));
    return {
      accepted: sum(of(".update_success")),
      rejected: sum(of(".update_rejected")),
      rejectedNames: of(".update_rejected").flatMap(([name, value]) => (value > 0 ? [name] : [])),
    };
  }

  /** The whole /config_dump with endpoints, as text: for searching. */
  configDump(): Promise<string> {
    return this.get("/config_dump?include_eds");
  }

  /** Names of the active listeners with their addresses, as `name::address`. */
  async listeners(): Promise<readonly string[]> {
    return (await this.get("/listeners"))
      .trim()
      .split("\n")
      .filter((line) => line !== "");
  }

  async hosts(cluster: RegExp): Promise<readonly HostStatus[]> {
    const { cluster_statuses = [] } = JSON.parse(await this.get("/clusters?format=json")) as ClustersDump;
    return cluster_statuses
      .filter(({ name }) => cluster.test(name))
      .flatMap(({ name, host_statuses = [] }) =>
        host_statuses.map(({ address, health_status, stats }) => ({
          cluster: name,
          address: address.socket_address?.address ?? "",
          port: address.socket_address?.port_value ?? 0,
          healthy: health_status.eds_health_status === "HEALTHY" && health_status.failed_outlier_check !== true,
          requests: Number(stats.find((stat) => stat.name === "rq_total")?.value ?? 0),
        })),
      );
  }
}

interface ClustersDump {
  readonly cluster_statuses?: readonly {
    readonly name: string;
    readonly host_statuses?: readonly {
      readonly address: { readonly socket_address?: { readonly address: string; readonly port_value: number } };
      readonly stats: readonly Stat[];
      readonly health_status: { readonly eds_health_status?: string; readonly failed_outlier_check?: boolean };
    }[];
  }[];
}

function sum(stats: readonly (readonly [string, number])[]): number {
  return stats.reduce((total, [, value]) => total + value, 0);
}
