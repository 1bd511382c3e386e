/**
 * Aggregated xDS v3: what a proxy asked for, has accepted and gets next.
 *
 * Owns: subscriptions (state-of-the-world and delta), nonces and versions, the order of pushes, refusals, the
 * wire form of discovery messages, each proxy's status.
 * Never: makes a resource or looks into one. Resources are opaque bytes under a name; which of them a proxy gets is
 * the `ResourceSource`'s business.
 *
 * Three things kept apart: the data (`resource.ts`), the pure state machines (`subscription.ts` for one type,
 * `session.ts` for one proxy, the order as data in `push-order.ts`) and the I/O (`stream.ts`).
 * Next: `subscription.ts`, then `convergence.test.ts` for what it promises.
 */
export type { FirstAnswersOptions } from "./first-answers.ts";
export type { PushReport, RejectionReport, XdsObserver } from "./observer.ts";
export type { OnDemandSource } from "./on-demand.ts";
export type { Acknowledgement, ConnectedProxy, ProxyStatus } from "./proxy.ts";
export { layered, layersOf } from "./layered.ts";
export { emptyResources } from "./resource.ts";
export { queriesOf } from "./queries.ts";
export type { Answer, Query, QuerySource } from "./queries.ts";
export type { Resource, ResourceMap, ResourceSet } from "./resource.ts";
export { createXdsServer } from "./server.ts";
export type { XdsLoad, XdsServer, XdsServerOptions } from "./server.ts";
export type { TypeState, TypeStatus } from "./session.ts";
export type { ResourceSource } from "./stream.ts";
export {
  bootstrapPatchesType,
  clusterType,
  endpointType,
  extensionConfigType,
  listenerType,
  nameTableType,
  pullSecretType,
  routeType,
  secretType,
  shortTypeName,
  virtualHostType,
} from "./type-urls.ts";
export { goneVersion, splitMark } from "./virtual-hosts.ts";
export type { SplitTable, VirtualHostSource } from "./virtual-hosts.ts";
