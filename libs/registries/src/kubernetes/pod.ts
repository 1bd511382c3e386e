import type { Labels, Locality, Workload } from "@lateen/model";
import type { NodeLocality } from "./node.ts";
import { kubernetesRegistry } from "./options.ts";
import type { KubernetesOptions } from "./options.ts";
import { concluded, readNames, Reader } from "./reader.ts";
import type { Conversion } from "./reader.ts";

/** A core/v1 Pod. Pods without an address yet, and those that have ended, count for nothing. */
export function convertPod(
  raw: unknown,
  options: KubernetesOptions = {},
  localityOf: NodeLocality = () => undefined,
): Conversion<Workload> {
  const root = new Reader(raw);
  const metadata = root.object("metadata");
  const { name, namespace } = readNames(metadata, options.defaultNamespace ?? "default");
  const labels = metadata.labels("labels");
  const annotations = metadata.labels("annotations");
  const spec = root.object("spec");
  const status = root.object("status");
  const addresses = readAddresses(status);
  const ended = ["Succeeded", "Failed"].includes(status.string("phase"));
  const workloadName = ownerOf(metadata, labels) ?? name;
  const node = spec.string("nodeName");
  const workload: Workload = {
    registry: kubernetesRegistry,
    namespace,
    name,
    addresses,
    labels,
    serviceAccount: spec.string("serviceAccountName") || "default",
    locality: localityLabel(labels) ?? localityOf(node) ?? { region: "", zone: "", subzone: "" },
    node,
    network: labels["topology.istio.io/network"] ?? options.network ?? "",
    cluster: options.cluster ?? "Kubernetes",
    mutualTls: speaksMutualTls(labels, annotations),
    ports: readPorts(spec),
    canonicalName:
      firstOf(labels, ["service.istio.io/canonical-name", "app.kubernetes.io/name", "app"]) ?? workloadName,
    canonicalRevision:
      firstOf(labels, ["service.istio.io/canonical-revision", "app.kubernetes.io/version", "version"]) ?? "latest",
    workloadName,
    ...(isReady(status) ? {} : { unready: true as const }),
  };
  return concluded(root, addresses.length === 0 || ended ? undefined : workload);
}

function readAddresses(status: Reader): string[] {
  const all = [status.string("podIP"), ...status.objects("podIPs").map((each) => each.string("ip"))];
  return [...new Set(all.filter((address) => address !== ""))];
}

/** A pod whose conditions are not told counts as ready. */
function isReady(status: Reader): boolean {
  return status
    .objects("conditions")
    .every((condition) => condition.string("type") !== "Ready" || condition.string("status") === "True");
}

function readPorts(spec: Reader): Record<string, number> {
  const ports: [string, number][] = [];
  for (const container of [...spec.objects("containers"), ...spec.objects("initContainers")]) {
    for (const port of container.objects("ports"))
      if (port.string("name") !== "") ports.push([port.string("name"), port.port("containerPort")]);
  }
  return Object.fromEntries(ports.sort(([left], [right]) => (left < right ? -1 : 1)));
}

/** Said by the label, where there is one; otherwise an injected sidecar is what can. */
function speaksMutualTls(labels: Labels, annotations: Labels): boolean {
  const mode = labels["security.istio.io/tlsMode"];
  return mode === undefined ? annotations["sidecar.istio.io/status"] !== undefined : mode === "istio";
}

/** The controller behind the pod: a Deployment rather than its ReplicaSet, a CronJob rather than its Job. */
function ownerOf(metadata: Reader, labels: Labels): string | undefined {
  const owner = metadata.objects("ownerReferences").find((each) => each.boolean("controller") === true);
  if (!owner) return undefined;
  const name = owner.string("name");
  const hash = labels["pod-template-hash"];
  if (owner.string("kind") === "ReplicaSet" && hash !== undefined && name.endsWith(`-${hash}`))
    return name.slice(0, -hash.length - 1);
  if (owner.string("kind") === "Job") return name.replace(/-\d{8,}$/, "");
  return name === "" ? undefined : name;
}

/** `istio-locality: region.zone.subzone`, with dots because labels cannot hold slashes. */
function localityLabel(labels: Labels): Locality | undefined {
  const label = labels["istio-locality"];
  if (label === undefined || label === "") return undefined;
  const [region = "", zone = "", subzone = ""] = label.includes("/") ? label.split("/") : label.split(".");
  return { region, zone, subzone };
}

function firstOf(labels: Labels, names: readonly string[]): string | undefined {
  return names.map((name) => labels[name]).find((value) => value !== undefined && value !== "");
}
