import { eventually } from "@lateen/e2e-harness";
import { ensurePrometheus, PrometheusServer } from "../prometheus.ts";
import { askMany, show } from "../request.ts";
import { services, type World } from "../world.ts";

export async function prometheusFindsAll(world: World): Promise<string> {
  const version = await ensurePrometheus();
  const prometheus = await PrometheusServer.start(world.cluster, [world.system, world.samples]);
  world.prometheus = prometheus;
  const components = [...services, "ingress-gateway"];
  const targets = await eventually(
    async () => {
      const up = await prometheus.query(`up{namespace="${world.system}"}`);
      const missing = components.filter(
        (name) => !up.some(({ metric, value }) => metric["component"] === name && value === 1),
      );
      if (missing.length > 0) throw new Error(`not up: ${missing.join(", ")}`);
      const down = (await prometheus.query("up == 0")).map(({ metric }) => metric["pod"]);
      if (down.length > 0) throw new Error(`down: ${down.join(", ")}`);
      return (await prometheus.query("up == 1")).length;
    },
    { what: "every service is scraped", timeoutMs: 160_000, intervalMs: 1_000 },
  );
  const rules = await prometheus.rules();
  const broken = rules.filter(({ health }) => health === "err");
  if (broken.length > 0)
    throw new Error(
      `rules that fail: ${broken.map(({ name, lastError }) => `${name} (${lastError ?? "?"})`).join(", ")}`,
    );
  return `Prometheus ${version}: ${targets} targets, all up; ${rules.length} rules`;
}

const requests = 100;

/** Exactly the requests that were sent, from both sides, with who called whom. */
export async function requestsAreCounted(world: World): Promise<string> {
  const { prometheus, samples } = world;
  if (prometheus === undefined) throw new Error("Prometheus is not running");
  const labels = `source_workload="client",destination_workload="ratings",destination_workload_namespace="${samples}",destination_service="ratings.${samples}.svc.cluster.local",request_protocol="http",response_code="200",connection_security_policy=~"mutual_tls|unknown"`;
  const count = (reporter: string): Promise<number> =>
    prometheus.value(`sum(istio_requests_total{reporter="${reporter}",${labels}})`);
  const settled = async (): Promise<readonly [number, number]> => [await count("destination"), await count("source")];
  const before = await eventually(
    async () => {
      const counts = await settled();
      await new Promise((resolve) => setTimeout(resolve, 6_000)); // three scrapes
      return String(await settled()) === String(counts) && counts;
    },
    { what: "what was sent before is counted", timeoutMs: 120_000 },
  );
  const answers = await askMany(world, "client", "http://ratings/", { times: requests });
  const failed = answers.find(({ status }) => status !== 200);
  if (failed !== undefined) throw new Error(show(failed));
  await eventually(
    async () => {
      const now = await settled();
      const counted = now.map((value, index) => value - (before[index] ?? 0));
      if (counted.some((value) => value !== requests))
        throw new Error(
          `counted ${counted.join(" at the server, ")} at the client, of ${requests}; labels: ${await seen(world)}`,
        );
      return true;
    },
    { what: "istio_requests_total has the requests", timeoutMs: 120_000, intervalMs: 1_000 },
  );
  const principal = `spiffe://cluster.local/ns/${samples}/sa/client`;
  if ((await count(`destination",source_principal="${principal}`)) < requests)
    throw new Error(`source_principal is not ${principal}: ${await seen(world)}`);
  const median = await prometheus.value(
    `histogram_quantile(0.5, sum by (le) (istio_request_duration_milliseconds_bucket{reporter="destination",destination_workload="ratings"}))`,
  );
  if (!Number.isFinite(median) || median <= 0)
    throw new Error(`istio_request_duration_milliseconds gives no median: ${median}`);
  return `istio_requests_total +${requests} at both sides, source_principal ${principal}, median ${median.toFixed(1)} ms`;
}

/** The labels there are, for a message. */
async function seen({ prometheus }: World): Promise<string> {
  const series = (await prometheus?.query('istio_requests_total{destination_workload="ratings"}')) ?? [];
  return JSON.stringify(series.slice(0, 3).map(({ metric, value }) => ({ ...metric, value })));
}
