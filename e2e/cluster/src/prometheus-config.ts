import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { repository } from "@lateen/e2e-harness";
import { parse } from "yaml";
import type { Cluster, KubeObject } from "./cluster.ts";

interface ScrapeConfig {
  readonly job_name: string;
  readonly kubernetes_sd_configs?: readonly object[];
  readonly relabel_configs: readonly object[];
}

interface Configuration {
  readonly scrape_configs: readonly ScrapeConfig[];
}

const folder = join(repository, "deploy/observability");

/**
 * `deploy/observability/prometheus.yml` as it is, but for where pods come from and how they are reached: Debian's build
 * of Prometheus has no Kubernetes discovery, so the same labels come by HTTP (`podTargets`), and scrapes go through the
 * API server, so that it works wherever kubectl does.
 */
export async function configurationFor(targetsUrl: string, proxy: string): Promise<object> {
  const shipped = parse(await readFile(join(folder, "prometheus.yml"), "utf8")) as Configuration;
  const [job] = shipped.scrape_configs;
  if (job === undefined) throw new Error("deploy/observability/prometheus.yml has no scrape configuration");
  const { kubernetes_sd_configs: _kubernetes, ...rest } = job;
  const throughApiServer = [
    {
      source_labels: ["namespace", "pod", "__address__", "__metrics_path__"],
      separator: ";",
      regex: "(.+);(.+);[^;]+:(\\d+);(.+)",
      replacement: "/api/v1/namespaces/$1/pods/$2:$3/proxy$4",
      target_label: "__metrics_path__",
    },
    { target_label: "__address__", replacement: proxy },
    { source_labels: ["pod"], target_label: "instance" },
  ];
  return {
    ...shipped,
    global: { scrape_interval: "2s", scrape_timeout: "2s", evaluation_interval: "5s" },
    rule_files: [join(folder, "rules.yml")],
    scrape_configs: [
      {
        ...rest,
        http_sd_configs: [{ url: targetsUrl, refresh_interval: "2s" }],
        relabel_configs: [...job.relabel_configs, ...throughApiServer],
      },
    ],
  };
}

/** Pods of some namespaces with the labels that Prometheus's own Kubernetes discovery gives them. */
export async function podTargets(cluster: Cluster, namespaces: readonly string[]): Promise<readonly object[]> {
  const pods = await Promise.all(namespaces.map((namespace) => cluster.list("pods", "-n", namespace)));
  return pods.flat().map((pod) => ({ targets: [`${statusOf(pod).podIP ?? "0.0.0.0"}:1`], labels: metaLabels(pod) }));
}

function statusOf(pod: KubeObject): { readonly podIP?: string; readonly phase?: string } {
  return pod["status"] as { podIP?: string; phase?: string };
}

function metaLabels(pod: KubeObject): Record<string, string> {
  const { name, namespace = "", labels = {}, annotations = {} } = pod.metadata;
  const { podIP = "", phase = "" } = statusOf(pod);
  const prefixed = (kind: string, values: Readonly<Record<string, string>>): [string, string][] =>
    Object.entries(values).map(([key, value]) => [
      `__meta_kubernetes_pod_${kind}_${key.replace(/[^a-zA-Z0-9_]/g, "_")}`,
      value,
    ]);
  return Object.fromEntries([
    ["__meta_kubernetes_namespace", namespace],
    ["__meta_kubernetes_pod_name", name],
    ["__meta_kubernetes_pod_ip", podIP],
    ["__meta_kubernetes_pod_phase", phase],
    ...prefixed("label", labels),
    ...prefixed("annotation", annotations),
  ]);
}
