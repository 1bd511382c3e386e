import { create } from "@bufbuild/protobuf";
import { IstioCertificateRequestSchema, IstioCertificateService } from "@lateen/protos/security/v1alpha1/ca_pb.js";
import { type ClientIdentity, createClient, openChannel } from "@lateen/rpc";
import type { RequestCertificate } from "./keep-identity.ts";

export interface CertificateClientOptions {
  /** `host:port` of citadel or istiod. */
  readonly caAddress: string;
  /** PEM, asked for each request: what the CA's own certificate is verified with. */
  readonly roots: () => string;
  /** The bearer token, asked for each request; undefined or empty: none is sent. */
  readonly token?: () => Promise<string | undefined> | string | undefined;
  /** Shown as client certificate, instead of or besides a token: how a VM renews after its token has expired. */
  readonly identity?: () => ClientIdentity | undefined;
  /** The DNS name in the CA's certificate, where it is not the address's host. */
  readonly serverName?: string;
  /** Default 10 s. */
  readonly timeoutMs?: number;
}

/** Asks a CA over gRPC. Each request has its own connection: there is one in half a day. Rejects with RpcError. */
export function requestFrom(options: CertificateClientOptions): RequestCertificate {
  return async ({ csrPem, ttlSeconds }, signal) => {
    const { caAddress, roots, identity, serverName } = options;
    const channel = openChannel(caAddress, {
      kind: "tls",
      roots,
      ...(identity && { identity }),
      ...(serverName !== undefined && { serverName }),
    });
    try {
      const token = await options.token?.();
      const request = create(IstioCertificateRequestSchema, { csr: csrPem, validityDuration: BigInt(ttlSeconds) });
      const metadata = token ? { authorization: `Bearer ${token}` } : {};
      const client = createClient(IstioCertificateService, channel);
      const answer = await client.createCertificate(request, {
        signal,
        metadata,
        timeoutMs: options.timeoutMs ?? 10_000,
      });
      return answer.certChain;
    } finally {
      channel.close();
    }
  };
}
