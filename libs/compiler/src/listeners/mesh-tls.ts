import type * as ir from "@lateen/ir";
import type { Context } from "../context.ts";

/** Mutual TLS of the mesh as `meshMTLS` and the trust domains have it; TLS of other kinds as it is. */
export function servingTls({ settings }: Context, tls: ir.DownstreamTls): ir.DownstreamTls {
  if (tls.mode !== "workload-identity") return tls;
  const { minimumVersion, cipherSuites } = settings.meshTls;
  return {
    ...tls,
    trustDomains: [...new Set([settings.trustDomain, ...settings.trustDomainAliases])],
    ...(minimumVersion === undefined ? {} : { minimumVersion }),
    ...(cipherSuites.length === 0 ? {} : { cipherSuites }),
  };
}
