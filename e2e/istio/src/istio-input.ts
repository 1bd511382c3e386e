import { readFile } from "node:fs/promises";
import { type ApplicationSpec, applicationVersion, type Case } from "@lateen/testkit";
import { parse, parseAllDocuments } from "yaml";
import { type KubernetesObject, kubernetesObjects } from "./kubernetes-objects.ts";

/** A mesh and a proxy in it, as `istiod-says` takes them: documents are JSON, parted by `---`. */
export interface IstioInput {
  readonly name: string;
  readonly kubernetes: string;
  /** Of further clusters, by their ids. */
  readonly clusters: Readonly<Record<string, string>>;
  readonly istio: string;
  readonly mesh: string;
  readonly networks: string;
  readonly node: object;
  /** By the type's short name, for a proxy that asks for what it wants only. */
  readonly names?: Readonly<Record<string, readonly string[]>>;
}

interface Written {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: unknown;
}

const localCluster = "Kubernetes";

/** What the case holds, in Istio's words: an `Application` is a Service, its slices and its pods; the rest is as it is. */
export async function istioInput(scenario: Case): Promise<IstioInput> {
  const clusters = new Map<string, KubernetesObject[]>([[localCluster, []]]);
  const istio: object[] = [];
  const settings: Record<string, string> = {};
  const proxy = await scenario.proxy();
  const documents = parseAllDocuments(await readFile(scenario.path("config.yaml"), "utf8"));
  for (const [index, document] of documents.entries()) {
    const written = document.toJS() as Written | null;
    if (written === null) continue;
    const creationTimestamp = new Date(Date.UTC(2026, 0, 1, 0, index)).toISOString().replace(".000", "");
    const dated = { ...written, metadata: { ...written.metadata, creationTimestamp } };
    if (written.apiVersion === applicationVersion && written.kind === "Application")
      for (const [cluster, objects] of kubernetesObjects(
        withOwnLabels({ ...(written.spec as ApplicationSpec), ...written.metadata }, proxy),
        creationTimestamp,
      ))
        clusters.set(cluster, [...(clusters.get(cluster) ?? []), ...objects]);
    else if (settingKinds.has(written.kind)) settings[written.kind] = JSON.stringify(written.spec);
    else if (written.apiVersion.startsWith("networking.k8s.io/")) clusters.get(localCluster)?.push(dated);
    else if (/\.istio\.io\//.test(written.apiVersion)) istio.push(dated);
  }
  const others = [...clusters].filter(([id]) => id !== localCluster);
  return {
    name: scenario.name,
    kubernetes: documentsOf(clusters.get(localCluster) ?? []),
    clusters: Object.fromEntries(others.map(([id, objects]) => [id, documentsOf(objects)])),
    istio: documentsOf(istio),
    mesh: settings["MeshConfig"] ?? "",
    networks: settings["MeshNetworks"] ?? "",
    node: nodeOf(proxy, JSON.parse(settings["MeshConfig"] ?? "{}") as MeshSettings),
    ...((proxy.metadata as Metadata).GENERATOR === "grpc" && { names: await namesOf(scenario) }),
  };
}

type CaseProxy = Awaited<ReturnType<Case["proxy"]>>;

interface Metadata {
  readonly GENERATOR?: string;
  readonly LABELS?: Readonly<Record<string, string>>;
}

interface MeshSettings {
  readonly defaultConfig?: object;
}

/** What a proxy says of itself, its pod has in Kubernetes. */
function withOwnLabels(application: ApplicationSpec, { id, metadata }: CaseProxy): ApplicationSpec {
  const labels = (metadata as Metadata).LABELS ?? {};
  const { namespace = "default", workloads = [] } = application;
  const own = (name: string): boolean => id.split("~")[2] === `${name}.${namespace}`;
  return {
    ...application,
    workloads: workloads.map((each) => (own(each.name) ? { ...each, labels: { ...labels, ...each.labels } } : each)),
  };
}

async function namesOf(scenario: Case): Promise<Readonly<Record<string, readonly string[]>>> {
  const named = async (type: string): Promise<readonly [string, readonly string[]]> => {
    const text = await readFile(scenario.path(`xds/${type}.golden.yaml`), "utf8");
    const { resources } = parse(text) as { readonly resources: readonly { name?: string; cluster_name?: string }[] };
    return [type, resources.map((resource) => resource.name ?? resource.cluster_name ?? "")];
  };
  return Object.fromEntries(await Promise.all(["lds", "rds", "cds", "eds"].map(named)));
}

const settingKinds = new Set(["MeshConfig", "MeshNetworks"]);

/** An object that is there twice, as a node of several workloads, is one. */
function documentsOf(objects: readonly object[]): string {
  return [...new Set(objects.map((object) => JSON.stringify(object)))].join("\n---\n");
}

/** Istio's agent tells what the mesh's `defaultConfig` says to all proxies. */
function nodeOf({ id, metadata, locality }: CaseProxy, { defaultConfig = {} }: MeshSettings): object {
  const [region = "", zone = "", sub_zone = ""] = (locality ?? "").split("/");
  const [, address = "", pod = ""] = id.split("~");
  const { LABELS } = metadata as Metadata;
  const defaults = {
    ISTIO_VERSION: "1.32.0",
    CLUSTER_ID: localCluster,
    INSTANCE_IPS: address,
    PROXY_CONFIG: defaultConfig,
  };
  const ownPorts = { ENVOY_STATUS_PORT: 15021, ENVOY_PROMETHEUS_PORT: 15090 };
  return {
    id,
    cluster: LABELS?.["app"] === undefined ? pod : `${LABELS["app"]}.${pod.slice(pod.indexOf(".") + 1)}`,
    metadata: { ...defaults, ...ownPorts, ...(metadata as object) },
    ...(region !== "" && { locality: { region, zone, sub_zone } }),
  };
}
