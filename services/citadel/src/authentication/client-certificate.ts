import { parseSpiffeId } from "@lateen/pki";
import type { Authenticator } from "./authenticator.ts";

/** Mutual TLS with a certificate of this mesh: how a workload renews. The listener has verified it already. */
export function clientCertificate(trustDomain: string): Authenticator {
  return {
    name: "client certificate",
    async authenticate({ peer }) {
      if (peer.kind === "none") return { kind: "absent", reason: "none that this CA's roots vouch for was shown" };
      const identity = parseSpiffeId(peer.spiffeId ?? "");
      if (!identity)
        return {
          kind: "refused",
          reason: "its URI name is not one spiffe://<trust domain>/ns/<namespace>/sa/<service account>",
        };
      if (identity.trustDomain !== trustDomain) {
        return {
          kind: "refused",
          reason: `it is of trust domain ${identity.trustDomain}, this CA is of ${trustDomain}`,
        };
      }
      return { kind: "caller", identity };
    },
  };
}
