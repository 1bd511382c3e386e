import { injectPod } from "./inject.ts";
import type { InjectionContext } from "./inject.ts";
import { diff } from "./json-patch.ts";
import type { Pod } from "./pod.ts";
import { podName } from "./pod.ts";
import { formatRefusal } from "./problem.ts";
import type { SkipReason } from "./selection.ts";

export interface AdmissionReview {
  readonly apiVersion: "admission.k8s.io/v1";
  readonly kind: "AdmissionReview";
  readonly response: {
    readonly uid: string;
    readonly allowed: boolean;
    readonly patchType?: "JSONPatch";
    /** Base64 of the JSON patch. */
    readonly patch?: string;
    readonly warnings?: readonly string[];
    readonly status?: { readonly code: number; readonly reason: string; readonly message: string };
  };
}

/** Bounded: it is a metric label. */
export type Outcome = "injected" | "refused" | SkipReason;

export interface Reviewed {
  readonly review: AdmissionReview;
  readonly outcome: Outcome;
  /** `namespace/name` */
  readonly pod: string;
}

interface AdmissionRequest {
  readonly uid: string;
  readonly namespace: string;
  readonly object: Pod;
}

/** A body that is no AdmissionReview v1 of a pod; the message says what is missing. */
export class BadReview extends Error {}

/** Answers one AdmissionReview. Throws BadReview. */
export function reviewPod(body: unknown, context: Omit<InjectionContext, "namespace">): Reviewed {
  const request = readRequest(body);
  const namespace = request.namespace || request.object.metadata.namespace || "default";
  const pod = podName(request.object, namespace);
  const result = injectPod(request.object, { ...context, namespace });
  const answer = (response: Omit<AdmissionReview["response"], "uid">, outcome: Outcome): Reviewed => ({
    review: { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response: { uid: request.uid, ...response } },
    outcome,
    pod,
  });
  switch (result.kind) {
    case "skipped":
      return answer({ allowed: true }, result.reason);
    case "refused": {
      const message = formatRefusal(pod, result.problems);
      return answer({ allowed: false, status: { code: 422, reason: "Invalid", message } }, "refused");
    }
    case "injected": {
      const patch = Buffer.from(JSON.stringify(diff(request.object, result.pod))).toString("base64");
      const warnings = result.warnings.map((warning) => `pod ${pod}: ${warning}`);
      return answer(
        { allowed: true, patchType: "JSONPatch", patch, ...(warnings.length > 0 && { warnings }) },
        "injected",
      );
    }
  }
}

function readRequest(body: unknown): AdmissionRequest {
  const review = body as {
    apiVersion?: unknown;
    kind?: unknown;
    request?: Partial<AdmissionRequest> & { kind?: { kind?: string } };
  } | null;
  if (review?.kind !== "AdmissionReview" || review.apiVersion !== "admission.k8s.io/v1")
    throw new BadReview("the body is no AdmissionReview of admission.k8s.io/v1; set admissionReviewVersions: [v1]");
  const { uid, object, namespace = "", kind } = review.request ?? {};
  if (kind?.kind !== undefined && kind.kind !== "Pod")
    throw new BadReview(`cannot inject into a ${kind.kind}; the webhook's rules must select pods only`);
  if (typeof uid !== "string" || !object?.metadata || !Array.isArray(object.spec?.containers))
    throw new BadReview("the AdmissionReview has no request.uid or no request.object that is a Pod");
  return { uid, object, namespace };
}
