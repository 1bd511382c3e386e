/**
 * mixer-policy: policy and telemetry for proxies, by Envoy's own APIs (ext_authz, ratelimit and ALS, all v3).
 *
 * Owns: the answers to AuthorizationPolicy CUSTOM `lateen-policy`, the counters of RateLimit, Istio's standard metrics
 * from access logs. Three folders, one an API; each has its decision in a pure file (`evaluate`, `decide`, `call`).
 * Never: state that the mesh store does not have, besides counts; writes to the store; configures proxies (pilot does).
 * Next: `mixer-policy.ts` joins the parts, `mirror/` is what is known of the mesh, `app.ts` is the process.
 */
export type { MixerPolicyOptions } from "./mixer-policy.ts";
export { createMixerPolicy } from "./mixer-policy.ts";
export type { CountChannel } from "./rate-limit/exchange.ts";
export { countedSubject } from "./rate-limit/exchange.ts";
