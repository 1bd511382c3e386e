/**
 * Talks to a Kubernetes API server: raw JSON requests, list + watch that survives anything, leases, token reviews,
 * status and webhook patches.
 *
 * Owns: credentials and connections (`loadClient`), the list/watch protocol (`Reflector`), leader election.
 * Never: knows a mesh kind, keeps a cache of objects (the handler does), or retries a write.
 * Objects are the server's JSON as it is; trim them before you keep them.
 * Next: `reflector.ts`; `testing/` starts a real API server or a small fake one.
 */
export { loadClient } from "./load-client.ts";
export type { LoadOptions } from "./load-client.ts";
export { KubeClient } from "./client.ts";
export type { CallOptions, ObjectPage, PatchType, WatchEvent } from "./client.ts";
export { describeObject, pathOf } from "./resource.ts";
export type { KubeObject, KubeObjectMeta, KubeRef, ResourceType, Selection } from "./resource.ts";
export { KubeError, isConflict, isGone, isNotFound } from "./kube-error.ts";
export { Reflector } from "./reflector.ts";
export type { ReflectorHandler, ReflectorOptions } from "./reflector.ts";
export { holdKubeLease } from "./lease.ts";
export type { KubeLeaseOptions } from "./lease.ts";
export { requestToken } from "./token-request.ts";
export type { TokenRequest } from "./token-request.ts";
export { reviewToken } from "./token-review.ts";
export type { ServiceAccount, TokenReview } from "./token-review.ts";
export { patchStatus } from "./status.ts";
export { keepWebhookCaBundle, patchWebhookCaBundle } from "./webhook-ca.ts";
export type { KeepCaBundleOptions, WebhookKind } from "./webhook-ca.ts";
export type { KubeLogger } from "./logger.ts";
