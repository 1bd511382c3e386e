import { readFile } from "node:fs/promises";
import { type ApplicationSpec, applicationVersion, type Case } from "@lateen/testkit";
import { parseAllDocuments } from "yaml";
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
  const documents = parseAllDocuments(await readFile(scenario.path("config.yaml"), "utf8"));
  for (const [index, document] of documents.entries()) {
    const written = document.toJS() as Written | null;
    if (written === null) continue;
    const creationTimestamp = new Date(Date.UTC(2026, 0, 1, 0, index)).toISOString().replace(".000", "");
    const dated = { ...written, metadata: { ...written.metadata, creationTimestamp } };
    if (written.apiVersion === applicationVersion && written.kind === "Application")
      for (const [cluster, objects] of kubernetesObjects(
        { ...(written.spec as ApplicationSpec), ...written.metadata },
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
    node: await nodeOf(scenario),
  };
}

const settingKinds = new Set(["MeshConfig", "MeshNetworks"]);

/** An object that is there twice, as a node of several workloads, is one. */
export function documentsOf(objects: readonly object[]): string {
  return [...new Set(objects.map((object) => JSON.stringify(object)))].join("\n---\n");
}

async function nodeOf(scenario: Case): Promise<object> {
  const { id, metadata, locality } = await scenario.proxy();
  const [region = "", zone = "", sub_zone = ""] = (locality ?? "").split("/");
  const [, address = "", pod = ""] = id.split("~");
  const defaults = { ISTIO_VERSION: "1.32.0", CLUSTER_ID: localCluster, INSTANCE_IPS: address, PROXY_CONFIG: {} };
  const ownPorts = { ENVOY_STATUS_PORT: 15021, ENVOY_PROMETHEUS_PORT: 15090 };
  return {
    id,
    cluster: pod,
    metadata: { ...defaults, ...ownPorts, ...(metadata as object) },
    ...(region !== "" && { locality: { region, zone, sub_zone } }),
  };
}
