import {
  clusterType,
  endpointType,
  extensionConfigType,
  listenerType,
  routeType,
  virtualHostType,
} from "./type-urls.ts";

/**
 * Make before break, as data. Clusters and endpoints go first; listeners and routes once those are accepted;
 * what is gone is removed when nothing refers to it any more.
 * https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#eventual-consistency-considerations
 */
export const pushOrder: readonly string[] = [
  clusterType,
  endpointType,
  listenerType,
  routeType,
  virtualHostType,
  extensionConfigType,
];

/** For each type, those that must be accepted before it is sent. Endpoints may follow clusters at once: a new
 *  cluster is acknowledged only when it has endpoints. */
export const waitsFor: ReadonlyMap<string, readonly string[]> = new Map([
  [listenerType, [clusterType, endpointType]],
  [routeType, [clusterType, endpointType]],
  // Envoy drops hosts of a table that it does not have yet.
  [extensionConfigType, [clusterType, endpointType]],
  [virtualHostType, [clusterType, endpointType, routeType]],
]);

/** Types whose removals wait until every type of `pushOrder` is accepted, in the order of removing. Listeners are
 *  not among them: a new one may need the address of the one that goes. Nor are virtual hosts: a new one may need a
 *  domain of the one that goes. */
export const removalOrder: readonly string[] = [routeType, clusterType, endpointType];

/** While a proxy holds on to an older resource of these types, nothing that it may refer to is removed. */
export const referringTypes: readonly string[] = [listenerType, routeType, virtualHostType];
