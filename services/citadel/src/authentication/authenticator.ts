import type { WorkloadIdentity } from "@lateen/pki";
import { type CallContext, RpcCode, RpcError } from "@lateen/rpc";

/** What one way of proving oneself said. `absent`: the caller did not try it. */
export type Attempt =
  | { readonly kind: "caller"; readonly identity: WorkloadIdentity }
  | { readonly kind: "absent"; readonly reason: string }
  | { readonly kind: "refused"; readonly reason: string };

export interface Authenticator {
  /** For messages: `kubernetes token`. */
  readonly name: string;
  /** Throws only where it could not find out (the API server is away): the call fails as UNAVAILABLE, to be tried again. */
  authenticate(context: CallContext): Promise<Attempt>;
}

/** The first authenticator that knows the caller wins. Throws UNAUTHENTICATED saying what was tried. */
export async function authenticate(
  authenticators: readonly Authenticator[],
  context: CallContext,
): Promise<WorkloadIdentity> {
  const tried: string[] = [];
  for (const authenticator of authenticators) {
    const attempt = await attemptOf(authenticator, context);
    if (attempt.kind === "caller") return attempt.identity;
    tried.push(`${authenticator.name}: ${attempt.reason}`);
  }
  throw new RpcError(
    RpcCode.UNAUTHENTICATED,
    `request authenticate failure: ${tried.join("; ") || "no authenticator is configured"}`,
  );
}

async function attemptOf(authenticator: Authenticator, context: CallContext): Promise<Attempt> {
  try {
    return await authenticator.authenticate(context);
  } catch (cause) {
    throw new RpcError(RpcCode.UNAVAILABLE, `${authenticator.name} cannot be checked now, try again`, { cause });
  }
}

/** The token of `authorization: Bearer ...`. */
export function bearerToken(context: CallContext): string | undefined {
  return /^Bearer\s+(\S+)$/i.exec(context.metadata.get("authorization") ?? "")?.[1];
}

/** `system:serviceaccount:<namespace>:<name>` as an identity of the mesh. */
export function identityOfSubject(subject: string, trustDomain: string): WorkloadIdentity | undefined {
  const [, namespace, serviceAccount] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(subject) ?? [];
  return namespace && serviceAccount ? { trustDomain, namespace, serviceAccount } : undefined;
}
