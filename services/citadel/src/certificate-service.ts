import { create } from "@bufbuild/protobuf";
import { PkiError, type PkiErrorCode, type WorkloadIdentity } from "@lateen/pki";
import {
  type IstioCertificateRequest,
  IstioCertificateResponseSchema,
  IstioCertificateService,
} from "@lateen/protos/security/v1alpha1/ca_pb.js";
import { RpcCode, RpcError, type RpcService, defineService } from "@lateen/rpc";
import { MeshError } from "@lateen/runtime";
import { type Authenticator, authenticate } from "./authentication/authenticator.ts";
import type { Authority } from "./authority.ts";
import { citadelCodes } from "./errors.ts";
import type { CitadelMetrics } from "./metrics.ts";

export interface CertificateServiceOptions {
  readonly authority: Authority;
  readonly authenticators: readonly Authenticator[];
  readonly metrics: CitadelMetrics;
  /** Besides the SPIFFE id, for the control plane's own servers: `<namespace>/<service account>` to DNS names. */
  readonly dnsNames: Readonly<Record<string, readonly string[]>>;
  readonly defaultTtlSeconds: number;
  readonly maxTtlSeconds: number;
}

/** `istio.v1.auth.IstioCertificateService`: the names in the certificate are the authenticated caller's, never the request's. */
export function certificateService(options: CertificateServiceOptions): RpcService {
  const { metrics } = options;
  return defineService(IstioCertificateService, {
    async createCertificate(request, context) {
      metrics.csrCount.inc();
      const identity = await authenticate(options.authenticators, context).catch((error: unknown) => {
        metrics.authenticationFailures.inc();
        throw error;
      });
      refuseUnbuilt(request, identity);
      const certChain = await sign(options, request, identity);
      metrics.issued.inc();
      return create(IstioCertificateResponseSchema, { certChain: [...certChain] });
    },
  });
}

async function sign(
  options: CertificateServiceOptions,
  request: IstioCertificateRequest,
  identity: WorkloadIdentity,
): Promise<readonly string[]> {
  try {
    const dnsNames = options.dnsNames[`${identity.namespace}/${identity.serviceAccount}`] ?? [];
    const ttlSeconds = clampTtl(request.validityDuration, options);
    const issued = await options.authority.issue({ csrPem: request.csr, identity, dnsNames, ttlSeconds });
    return issued.chain;
  } catch (error) {
    options.metrics.signFailures.inc({ error: error instanceof PkiError ? error.code : "authority-not-ready" });
    if (error instanceof PkiError) {
      if (error.code === "request-invalid") options.metrics.csrParsingFailures.inc();
      throw new RpcError(statusOf[error.code], `CSR signing error (${error.message})`, { cause: error });
    }
    if (error instanceof MeshError && error.code === citadelCodes.caNotReady) {
      throw new RpcError(RpcCode.UNAVAILABLE, error.message, { cause: error });
    }
    throw error;
  }
}

const statusOf: Readonly<Record<PkiErrorCode, RpcCode>> = {
  "request-invalid": RpcCode.INVALID_ARGUMENT,
  "identity-invalid": RpcCode.INVALID_ARGUMENT,
  "certificate-invalid": RpcCode.INTERNAL,
  "authority-invalid": RpcCode.INTERNAL,
  "authority-expired": RpcCode.INTERNAL,
};

/** None asked for: the default. Too much: the maximum. */
export function clampTtl(
  seconds: bigint,
  { defaultTtlSeconds, maxTtlSeconds }: { defaultTtlSeconds: number; maxTtlSeconds: number },
): number {
  if (seconds <= 0n) return Math.min(defaultTtlSeconds, maxTtlSeconds);
  return seconds > BigInt(maxTtlSeconds) ? maxTtlSeconds : Number(seconds);
}

/** What this CA does not do is refused by name: a certificate for somebody else than asked would be worse. */
function refuseUnbuilt({ metadata = {} }: IstioCertificateRequest, identity: WorkloadIdentity): void {
  const own = `spiffe://${identity.trustDomain}/ns/${identity.namespace}/sa/${identity.serviceAccount}`;
  for (const [field, value] of Object.entries(metadata)) {
    if (value === "" || value === null) continue; // Istio's agent sends an empty CertSigner
    if (field === "ImpersonatedIdentity" && value === own) continue;
    throw new RpcError(
      RpcCode.UNIMPLEMENTED,
      `metadata.${field} is not supported by this CA: certificates are issued to the authenticated caller (${own}) by the mesh's own CA only`,
    );
  }
}
