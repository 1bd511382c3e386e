import { PkiError } from "./pki-error.ts";

/** Who a workload is. Its SPIFFE id is `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`, as in Istio. */
export interface WorkloadIdentity {
  readonly trustDomain: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** Throws `identity-invalid` if a part is empty or would change the id's structure. `@` in a trust domain becomes `.`. */
export function formatSpiffeId(identity: WorkloadIdentity): string {
  const trustDomain = identity.trustDomain.replaceAll("@", ".");
  for (const [field, value] of Object.entries({ ...identity, trustDomain })) {
    if (!segment.test(value)) {
      throw new PkiError(
        "identity-invalid",
        `${field} "${value}" cannot be part of a SPIFFE id: use letters, digits, ".", "_", "-"`,
      );
    }
  }
  return `spiffe://${trustDomain}/ns/${identity.namespace}/sa/${identity.serviceAccount}`;
}

/** `undefined` for anything but the exact form `formatSpiffeId` writes. */
export function parseSpiffeId(uri: string): WorkloadIdentity | undefined {
  const match = spiffeId.exec(uri);
  if (!match) return undefined;
  const [, trustDomain = "", namespace = "", serviceAccount = ""] = match;
  return { trustDomain, namespace, serviceAccount };
}

/** What SPIFFE allows in a path segment, without "." and ".."; Kubernetes names are a subset. */
const segment = /^(?!\.{1,2}$)[A-Za-z0-9._-]+$/;
const spiffeId =
  /^spiffe:\/\/((?!\.{1,2}\/)[A-Za-z0-9._-]+)\/ns\/((?!\.{1,2}\/)[A-Za-z0-9._-]+)\/sa\/((?!\.{1,2}$)[A-Za-z0-9._-]+)$/;
