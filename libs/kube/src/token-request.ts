import type { KubeClient } from "./client.ts";

export interface TokenRequest {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly audiences: readonly string[];
  readonly seconds?: number;
}

/** A token of a service account, for whom the caller may speak: `create` on `serviceaccounts/token`. */
export async function requestToken(client: KubeClient, request: TokenRequest): Promise<string> {
  const { namespace, serviceAccount, audiences, seconds = 600 } = request;
  const answer = await client.create(
    { apiVersion: "v1", plural: `serviceaccounts/${serviceAccount}/token` },
    {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      metadata: { namespace, name: serviceAccount },
      spec: { audiences, expirationSeconds: seconds },
    },
  );
  return (answer["status"] as { token?: string } | undefined)?.token ?? "";
}
