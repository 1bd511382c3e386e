import { keys } from "@lateen/mesh-store";
import type { Entry } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import { endpointsToEntry, serviceToEntry } from "@lateen/registries";

const registry = "Lateen";
const name = "lateen-mixer-policy";
/** The port that providers are known by in the mesh, wherever the process listens. */
const servicePort = 9091;

/** The policy service as the mesh knows it, in the place of the Kubernetes Service that the chart installs. */
export function policyServiceEntries(
  namespace: string,
  address: string,
  port: number,
): readonly (readonly [key: string, entry: Entry])[] {
  const host = `${name}.${namespace}.svc.cluster.local`;
  const service = serviceToEntry({
    registry,
    namespace,
    name,
    host,
    addresses: [],
    ports: [{ name: "grpc", number: servicePort, protocol: "grpc", targetPort: port, targetPortName: "" }],
    labels: {},
    annotations: {},
    selector: {},
    createdAtMs: 0,
    externalName: "",
    headless: false,
    exportTo: [],
    origin: { kind: "Service", namespace, name },
  });
  const endpoint = { addresses: [address], ready: true, serving: true, terminating: false };
  const slice = endpointsToEntry({
    registry,
    namespace,
    name,
    serviceHost: host,
    ports: [{ name: "grpc", number: port }],
    endpoints: [{ ...endpoint, node: "", zone: "", target: "", hostname: "" }],
  });
  return [
    [keys.service(registry, namespace, name), service],
    [keys.endpoints(registry, namespace, name), slice],
  ];
}
