/**
 * pilot: what every proxy must do. Follows the mesh store, compiles the mesh for each scope of proxies, serves it over
 * aggregated xDS and knows how far every proxy is.
 *
 * Owns: the snapshot (`mesh/feed.ts`, the one owner of mutable mesh state), resources by scope (`resources/`), who may
 * be which proxy and gateways' secrets (`proxies/`), progress and `status.pilot.<replica>` (`progress/`), debug pages.
 * Never: writes configuration, keeps a key, decides what a rule means (libs/compiler does) or how it is spelled
 * (libs/xds-build). Holds no state that the mesh store does not have: any replica can be killed at any time.
 *
 * Next: `pilot.ts` joins the parts; `docs/architecture/life-of-a-config-change.md` follows one change through them.
 */
export { featuresFrom } from "./features.ts";
export type { Features } from "./features.ts";
export { createPilot } from "./pilot.ts";
export type { Pilot, PilotOptions, PilotStatus } from "./pilot.ts";
export type { Acknowledged } from "./progress/progress.ts";
export type { StandingRejection } from "./progress/rejections.ts";
export type { AuthenticateToken } from "./proxies/admission.ts";
export type { GatewaySecret, WatchSecret } from "./proxies/gateway-secrets.ts";
