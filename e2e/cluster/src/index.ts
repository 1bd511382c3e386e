/**
 * The cluster suite: a real Kubernetes, real Envoys, the chart as a user installs it.
 *
 * Owns: `run.ts` (`pnpm e2e`), which takes the cluster of KUBECONFIG through install, traffic, policy, failures, upgrade
 * and removal. One check is one function in `checks/`; it says what it saw, with figures. `in-pod/` holds the programs
 * that run inside the cluster, in the image that the samples use.
 * Never: knows how a cluster is made, or how images get there (settings.ts); leaves anything behind; touches a namespace
 * that it did not make. Everything it waits for has a bound.
 *
 * Next: `checks/index.ts` is the order of events, `world.ts` what every check is given.
 */
export { checks } from "./checks/index.ts";
export { runSuite } from "./suite.ts";
export type { Check } from "./suite.ts";
export { openWorld } from "./world.ts";
export type { World } from "./world.ts";
