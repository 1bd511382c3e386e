import type { Labels, Origin, Service, ServicePort } from "@lateen/model";
import { kubernetesRegistry, serviceHost } from "./options.ts";
import type { KubernetesOptions } from "./options.ts";
import { protocolOf } from "./protocol.ts";
import { concluded, readNames, Reader } from "./reader.ts";
import type { Conversion, Unmet } from "./reader.ts";

const exportToAnnotation = "networking.istio.io/exportTo";
const distributionAnnotation = "networking.istio.io/traffic-distribution";
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";

/** A core/v1 Service. `place` says where it was read, for messages. */
export function convertService(
  raw: unknown,
  options: KubernetesOptions = {},
  place: Pick<Origin, "file" | "line"> = {},
): Conversion<Service> {
  const root = new Reader(raw);
  const metadata = root.object("metadata");
  const { name, namespace, createdAtMs } = readNames(metadata, options.defaultNamespace ?? "default");
  const { [lastApplied]: _dropped, ...annotations } = metadata.labels("annotations");
  const spec = root.object("spec");
  const external = spec.string("type") === "ExternalName";
  const externalName = external ? spec.string("externalName").toLowerCase() : "";
  if (external && externalName === "")
    spec.fail(["externalName"], "is required for type ExternalName: the name to resolve");
  const addresses = readAddresses(spec);
  const conversion = concluded<Service>(root, {
    registry: kubernetesRegistry,
    namespace,
    name,
    host: serviceHost(name, namespace, options),
    addresses,
    ports: spec.objects("ports").map(readPort),
    labels: metadata.labels("labels"),
    annotations: withDistribution(annotations, spec.string("trafficDistribution")),
    selector: spec.labels("selector"),
    createdAtMs,
    externalName,
    ...externalAddresses(spec, root),
    headless: !external && spec.string("clusterIP") === "None",
    ...(spec.boolean("publishNotReadyAddresses") === true ? { publishNotReady: true as const } : {}),
    exportTo: (annotations[exportToAnnotation] ?? "")
      .split(",")
      .map((each) => each.trim())
      .filter((each) => each !== ""),
    origin: { kind: "Service", namespace, name, ...place },
  });
  const unmet = unmetBy(spec);
  return conversion.ok && unmet.length > 0 ? { ...conversion, unmet } : conversion;
}

/** What kube-proxy does, and proxies do by a rule of the mesh only; in Istio, too. */
function unmetBy(spec: Reader): readonly Unmet[] {
  if (spec.string("sessionAffinity") !== "ClientIP") return [];
  const message =
    "ClientIP is not kept by proxies, which balance each call; set trafficPolicy.loadBalancer.consistentHash.useSourceIp in a DestinationRule for the service";
  return [{ path: ["spec", "sessionAffinity"], code: "not-built", message }];
}

/** Where a load balancer was given to it (a name, on some platforms), and addresses that lead to the cluster's nodes. */
function externalAddresses(spec: Reader, root: Reader): Pick<Service, "externalAddresses"> {
  const ingress = root.object("status").object("loadBalancer").objects("ingress");
  const balancers = ingress.map((each) => each.string("ip") || each.string("hostname").toLowerCase());
  const found = [...balancers, ...spec.strings("externalIPs")].filter((address) => address !== "");
  return found.length === 0 ? {} : { externalAddresses: [...new Set(found)].sort() };
}

/** What the spec says counts more than Istio's annotation for the same. */
function withDistribution(annotations: Labels, distribution: string): Labels {
  return distribution === "" ? annotations : { ...annotations, [distributionAnnotation]: distribution };
}

/** Virtual addresses; `None` and the empty string mean that there is none. */
function readAddresses(spec: Reader): string[] {
  const all = spec.has("clusterIPs") ? spec.strings("clusterIPs") : [spec.string("clusterIP")];
  return all.filter((address) => address !== "" && address !== "None");
}

function readPort(port: Reader): ServicePort {
  const number = port.port("port");
  if (!port.has("port")) port.fail(["port"], "is required");
  const name = port.string("name");
  const transport = port.string("protocol") || "TCP";
  const named = typeof port.raw("targetPort") === "string";
  const appProtocol = port.string("appProtocol");
  return {
    name,
    number,
    protocol: protocolOf({ name, number, transport, appProtocol }),
    targetPort: named ? 0 : port.port("targetPort"),
    targetPortName: named ? port.string("targetPort") : "",
  };
}
