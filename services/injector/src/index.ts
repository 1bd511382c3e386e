/**
 * Sidecar injection: what a pod looks like once it has its proxy.
 *
 * Owns: which pods get one, what annotations mean, the containers `istio-init` and `istio-proxy`, the rewritten
 * probes, and that the API server trusts this webhook.
 * Never: reads or writes pods itself, decides traffic, or holds state that a restart would lose.
 * Next: `inject.ts` (a pure function, pinned by `test/cases`), then `admission.ts` and `app.ts`. What `istio-init`
 * runs is `lateen-init` in `deploy/images/proxy`; what the rewritten probes ask is the node agent's business.
 */
export { createInjector } from "./injector.ts";
export type { InjectorOptions } from "./injector.ts";
export { injectPod } from "./inject.ts";
export type { InjectionContext, InjectionResult, InjectorSettings } from "./inject.ts";
export { registerInjectorMetrics } from "./metrics.ts";
export type { InjectorMetrics } from "./metrics.ts";
export type { Pod } from "./pod.ts";
export type { Problem } from "./problem.ts";
export { formatRefusal } from "./problem.ts";
export { defaultResources } from "./proxy-container.ts";
