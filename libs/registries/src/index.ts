/**
 * What the platforms know: services, endpoints, workloads. One folder a registry; Kubernetes so far.
 *
 * Owns: converting a registry's objects into `@lateen/model` values (`kubernetes/`), and those into the mesh store's
 * entries and back (`store/`), so that writer and readers share one pair of functions.
 * Never: follows a registry itself (galley-validator does), judges configuration (libs/api), decides about a proxy.
 * Raw objects may come from a file as well as from an API server: nothing is taken for granted, mistakes are values.
 * Next: `kubernetes/pod.ts` for what makes a workload; `services/galley-validator` for who calls this.
 */
export { convertEndpointSlice } from "./kubernetes/endpoint-slice.ts";
export type { KubernetesOptions } from "./kubernetes/options.ts";
export { kubernetesRegistry } from "./kubernetes/options.ts";
export { convertPod } from "./kubernetes/pod.ts";
export type { NodeLocality } from "./kubernetes/node.ts";
export { localityOfNode } from "./kubernetes/node.ts";
export { protocolOf } from "./kubernetes/protocol.ts";
export type { Conversion, Mistake } from "./kubernetes/reader.ts";
export { convertService } from "./kubernetes/service.ts";
export {
  endpointsFromEntry,
  endpointsToEntry,
  serviceFromEntry,
  serviceToEntry,
  workloadFromEntry,
  workloadToEntry,
} from "./store/entries.ts";
