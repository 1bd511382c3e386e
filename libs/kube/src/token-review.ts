import type { KubeClient } from "./client.ts";

export type TokenReview =
  | {
      readonly authenticated: true;
      readonly username: string;
      readonly groups: readonly string[];
      readonly audiences: readonly string[];
      readonly serviceAccount?: ServiceAccount;
    }
  | { readonly authenticated: false; readonly error: string };

export interface ServiceAccount {
  readonly namespace: string;
  readonly name: string;
  /** The pod the token is bound to, where it is bound to one. */
  readonly pod?: string;
}

interface ReviewStatus {
  readonly authenticated?: boolean;
  readonly error?: string;
  readonly audiences?: readonly string[];
  readonly user?: {
    username?: string;
    groups?: readonly string[];
    extra?: Readonly<Record<string, readonly string[]>>;
  };
}

const tokenReviews = { apiVersion: "authentication.k8s.io/v1", plural: "tokenreviews" };
const podNameClaim = "authentication.kubernetes.io/pod-name";

/** Asks the API server whose token this is. A bad token is an answer; throws only where the server cannot be asked. */
export async function reviewToken(
  client: KubeClient,
  token: string,
  audiences: readonly string[],
  options: { signal?: AbortSignal } = {},
): Promise<TokenReview> {
  const review = {
    apiVersion: tokenReviews.apiVersion,
    kind: "TokenReview",
    metadata: { name: "" },
    spec: { token, audiences },
  };
  const answer = await client.create(tokenReviews, review, options);
  const status = (answer["status"] ?? {}) as ReviewStatus;
  if (status.authenticated !== true)
    return { authenticated: false, error: status.error ?? "the token is not known to the API server" };
  const accepted = status.audiences ?? [];
  if (!audiences.some((audience) => accepted.includes(audience)))
    return {
      authenticated: false,
      error: `the token is meant for ${accepted.join(", ") || "nobody"}, not for ${audiences.join(", ")}`,
    };
  const username = status.user?.username ?? "";
  const account = serviceAccountOf(username, status.user?.extra?.[podNameClaim]?.[0]);
  return {
    authenticated: true,
    username,
    groups: status.user?.groups ?? [],
    audiences: accepted,
    ...(account && { serviceAccount: account }),
  };
}

function serviceAccountOf(username: string, pod: string | undefined): ServiceAccount | undefined {
  const [, namespace, name] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(username) ?? [];
  return namespace !== undefined && name !== undefined ? { namespace, name, ...(pod && { pod }) } : undefined;
}
