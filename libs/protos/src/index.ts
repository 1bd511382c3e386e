/**
 * Generated message types of Envoy, Istio, OTLP and Lateen's own protocol, and nothing else.
 *
 * Import a message by the path of its .proto file: `@lateen/protos/envoy/config/cluster/v3/cluster_pb.js`.
 * One entry that re-exported them all would load 760 modules (about a second) into every service, so each
 * file is its own entry (docs/adr/0002). `generate.ts` makes `gen/`; never edit it.
 */
export { descriptorSetPath } from "./descriptor-set.ts";
