import { type KubeClient, reviewToken } from "@lateen/kube";
import { type Authenticator, bearerToken, identityOfSubject } from "./authenticator.ts";

export interface KubernetesTokenOptions {
  readonly client: KubeClient;
  readonly trustDomain: string;
  /** A token must be meant for one of these; default `istio-ca`. */
  readonly audiences?: readonly string[];
}

/** A pod's projected service account token, checked by the API server (TokenReview). The only file that knows how. */
export function kubernetesToken({
  client,
  trustDomain,
  audiences = ["istio-ca"],
}: KubernetesTokenOptions): Authenticator {
  return {
    name: "kubernetes token",
    async authenticate(context) {
      const token = bearerToken(context);
      if (!token) return { kind: "absent", reason: "no authorization: Bearer metadata" };
      const review = await reviewToken(client, token, audiences, { signal: context.signal });
      if (!review.authenticated) return { kind: "refused", reason: review.error };
      const identity = identityOfSubject(review.username, trustDomain);
      if (!identity || !review.groups.includes("system:serviceaccounts")) {
        return { kind: "refused", reason: `it is ${review.username}'s, who is not a service account` };
      }
      return { kind: "caller", identity };
    },
  };
}
