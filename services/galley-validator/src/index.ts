/**
 * galley-validator: everything that enters the mesh. Follows a folder or a cluster, judges each object, and keeps the
 * mesh store in step with what is good; answers admission requests.
 *
 * Owns: the keys `config.`, `service.Kubernetes.`, `endpoint.Kubernetes.`, `workload.Kubernetes.` of the store, one
 * writing replica at a time (lease); objects' status; the webhook `/validate`.
 * Never: decides what a proxy does, talks to proxies, reads secrets. A bad object never replaces a good one.
 * Next: `galley-validator.ts` joins the parts; `folder/` and `kubernetes/` are the sources, `intake/` judges,
 * `publish/ledger.ts` is the state, `publish/publisher.ts` writes, `admission/` is the webhook.
 */
export { createGalleyValidator } from "./galley-validator.ts";
export type { GalleyOptions, GalleyValidator, SourceOptions } from "./galley-validator.ts";
export type { AppliedBatch } from "./publish/publisher.ts";
export type { Report } from "./reports.ts";
// For `lateen analyze`, which judges files exactly as they will be judged here.
export { scanFolder } from "./folder/scan.ts";
export { duplicateOf, readText } from "./intake/read-text.ts";
