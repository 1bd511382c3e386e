import { join } from "node:path";
import { Cluster, type KubeObject, type PodTarget } from "./cluster.ts";
import { Release } from "./release.ts";
import type { Inventory } from "./inventory.ts";
import type { PrometheusServer } from "./prometheus.ts";
import type { Settings } from "./settings.ts";

/** What every check is given. Checks share it and run one after the other. */
export interface World {
  readonly settings: Settings;
  readonly cluster: Cluster;
  readonly release: Release;
  /** Where the chart is installed. */
  readonly system: string;
  /** The labelled namespace with the samples. */
  readonly samples: string;
  /** Outside the mesh: what breaks things on purpose. */
  readonly tools: string;
  readonly print: (line: string) => void;
  /** What was on the cluster before; set by the first check. */
  before?: Inventory;
  prometheus?: PrometheusServer;
}

/** The services of the control plane: their Deployments are `lateen-<name>`. */
export const services = ["galley-validator", "pilot", "citadel", "mixer-policy", "injector"] as const;

/** Marks namespaces that a run made, so that the next one can clear up after one that was killed. */
export const ownLabel = "lateen.dev/e2e";

export function openWorld(settings: Settings, print: (line: string) => void): World {
  const cluster = new Cluster(settings.kubeconfig);
  const system = "istio-system";
  return {
    settings,
    cluster,
    system,
    print,
    release: new Release({ name: "lateen", namespace: system, chart: settings.chart, cluster }),
    samples: "lateen-e2e-samples",
    tools: "lateen-e2e-tools",
  };
}

export function sample(world: World, file: string): string {
  return join(world.settings.samplesFolder, file);
}

/** The application container of a sample. */
export function appOf(world: World, app: string, deployment = app): PodTarget {
  return { namespace: world.samples, pod: `deploy/${deployment}`, container: app };
}

export function imageOf({ settings }: World, name: string): string {
  return `${settings.imageRepository}/${name}:${settings.imageTag}`;
}

/** Makes a namespace of ours. Refuses one that is there already and is not. */
export async function makeNamespace(
  world: World,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<void> {
  const [existing] = await namespacesNamed(world, [name]);
  if (existing !== undefined)
    throw new Error(`namespace ${name} exists and is not the suite's; use a cluster without a mesh, or remove it`);
  const namespace = {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name, labels: { [ownLabel]: "true", ...labels } },
  };
  await world.cluster.kubectl(["create", "-f", "-"], { input: JSON.stringify(namespace) });
}

/** Removes what an earlier run could not, the release first. True where there was something. */
export async function clearLeftovers(world: World): Promise<boolean> {
  const ours = await world.cluster.list("namespaces", "-l", ownLabel);
  const names = ours.map(({ metadata }) => metadata.name);
  if (names.length === 0) return false;
  if (names.includes(world.system)) await world.release.uninstall();
  await world.cluster.deleteNamespaces(names);
  await deleteCrds(world);
  return true;
}

const crds = ["crd", "-l", "app.kubernetes.io/part-of=lateen"];

/** Helm keeps them, as they hold users' objects. Answers how many there were. */
export async function deleteCrds({ cluster }: World): Promise<number> {
  const found = (await cluster.list(...crds)).length;
  if (found > 0) await cluster.kubectl(["delete", ...crds], { timeoutMs: 480_000 });
  return found;
}

/** Where CRDs of the chart are without a namespace of ours, they are somebody's. */
export async function refuseForeignCrds({ cluster }: World): Promise<void> {
  const [foreign] = await cluster.list(...crds);
  if (foreign !== undefined)
    throw new Error(
      `CRD ${foreign.metadata.name} exists: use a cluster without a mesh, or delete what is left of one (kubectl delete ${crds.join(" ")})`,
    );
}

async function namespacesNamed({ cluster }: World, names: readonly string[]): Promise<readonly KubeObject[]> {
  return (await cluster.list("namespaces")).filter(({ metadata }) => names.includes(metadata.name));
}
