import type { FastifyInstance } from "fastify";
import type { Logger } from "@lateen/runtime";
import { fields, toError } from "@lateen/runtime";
import type { GalleyMetrics } from "../metrics.ts";
import { readReview, review } from "./review.ts";
import type { AdmissionRequest, ServesIngress, Verdict } from "./review.ts";

export interface AdmissionOptions {
  readonly rootNamespace: string;
  readonly metrics: GalleyMetrics;
  readonly logger: Logger;
  /** Which Ingresses are the mesh's; absent: none is known to be. */
  readonly ingresses?: ServesIngress;
}

/** `POST /validate`, with anything behind it (Istio's clients add the revision). Answers on every replica, leading or not. */
export async function registerAdmission(app: FastifyInstance, options: AdmissionOptions): Promise<void> {
  const answer = async (body: unknown): Promise<{ status: number; body: object }> => {
    const request = readReview(body);
    if (!request) {
      options.metrics.validationHttpError.inc({ status: "400" });
      return { status: 400, body: { error: "expects an AdmissionReview (admission.k8s.io/v1) with a request" } };
    }
    const { response } = judge(request, options);
    return { status: 200, body: { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response } };
  };
  for (const path of ["/validate", "/validate/*"]) {
    app.post(path, async (request, reply) => {
      const { status, body } = await answer(request.body);
      return reply.code(status).send(body);
    });
  }
}

/** Closed on our own mistakes, too: what could not be judged is refused. */
function judge(request: AdmissionRequest, { rootNamespace, metrics, logger, ingresses }: AdmissionOptions): Verdict {
  const { group, version, resource } = request.resource;
  const labels = { group, version, resource };
  const origin = `${request.kind.kind}/${request.namespace}/${request.name}`;
  try {
    const verdict = review(request, rootNamespace, ingresses);
    if (verdict.response.allowed) metrics.validationPassed.inc(labels);
    else {
      metrics.validationFailed.inc({ ...labels, reason: verdict.reason ?? "unknown" });
      logger.info(
        { [fields.origin]: origin, [fields.reason]: verdict.response.status?.message },
        "object not admitted",
      );
    }
    return verdict;
  } catch (error) {
    metrics.validationFailed.inc({ ...labels, reason: "internal" });
    logger.error(
      { [fields.origin]: origin, [fields.error]: toError(error) },
      "object could not be judged and was not admitted",
    );
    const status = {
      code: 500,
      reason: "InternalError",
      message: "the object could not be judged; see galley-validator's log",
      details: {},
    };
    return { response: { uid: request.uid, allowed: false, status } };
  }
}
