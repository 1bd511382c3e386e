import type { Endpoint, EndpointSlice } from "@lateen/model";
import { kubernetesRegistry, serviceHost } from "./options.ts";
import type { KubernetesOptions } from "./options.ts";
import { concluded, readNames, Reader } from "./reader.ts";
import type { Conversion } from "./reader.ts";

const serviceNameLabel = "kubernetes.io/service-name";

/** A discovery.k8s.io/v1 EndpointSlice. Slices of no service, and of names instead of addresses, count for nothing. */
export function convertEndpointSlice(raw: unknown, options: KubernetesOptions = {}): Conversion<EndpointSlice> {
  const root = new Reader(raw);
  const metadata = root.object("metadata");
  const { name, namespace } = readNames(metadata, options.defaultNamespace ?? "default");
  const service = metadata.labels("labels")[serviceNameLabel] ?? "";
  const endpoints = root.objects("endpoints").map(readEndpoint);
  const ports = root.objects("ports").map((port) => ({ name: port.string("name"), number: port.port("port") }));
  if (service === "" || root.string("addressType") === "FQDN") return concluded<EndpointSlice>(root, undefined);
  return concluded(root, {
    registry: kubernetesRegistry,
    namespace,
    name,
    serviceHost: serviceHost(service, namespace, options),
    endpoints,
    ports,
  });
}

/** Conditions that are not given: ready, and serving as long as it is ready. */
function readEndpoint(endpoint: Reader): Endpoint {
  const conditions = endpoint.object("conditions");
  const ready = conditions.boolean("ready") ?? true;
  const target = endpoint.object("targetRef");
  const addresses = endpoint.strings("addresses");
  if (addresses.length === 0) endpoint.fail(["addresses"], "needs at least one address");
  return {
    addresses,
    ready,
    serving: conditions.boolean("serving") ?? ready,
    terminating: conditions.boolean("terminating") ?? false,
    node: endpoint.string("nodeName"),
    zone: endpoint.string("zone"),
    target: target.string("kind") === "Pod" ? target.string("name") : "",
    hostname: endpoint.string("hostname"),
  };
}
