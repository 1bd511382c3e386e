import { type WorkloadIdentity, formatSpiffeId } from "@lateen/pki";
import { GatewaySecrets } from "@lateen/protos/mesh/identity/v1/gateway_secrets_pb.js";
import { type CallContext, RpcCode, RpcError, type RpcService, defineService } from "@lateen/rpc";
import { type Logger, fields } from "@lateen/runtime";
import { type Authenticator, authenticate } from "../authentication/authenticator.ts";
import type { CitadelMetrics } from "../metrics.ts";
import type { SecretSource } from "./secret-source.ts";
import { watchMaterial } from "./watch-material.ts";

export interface GatewaySecretsOptions {
  readonly source: SecretSource;
  readonly authenticators: readonly Authenticator[];
  /** SPIFFE ids that may have private keys of gateways: pilot's. */
  readonly readers: readonly string[];
  readonly metrics: CitadelMetrics;
  readonly logger: Logger;
}

/** `mesh.identity.v1.GatewaySecrets`: keys and passwords travel over TLS only, to named readers only. */
export function gatewaySecretsService(options: GatewaySecretsOptions): RpcService {
  return defineService(GatewaySecrets, {
    async *watchSecret({ namespace, name, content }, context) {
      await authorize(options, context);
      if (!namespace || !name)
        throw new RpcError(RpcCode.INVALID_ARGUMENT, `namespace "${namespace}" and name "${name}" must both be given`);
      options.metrics.secretWatches.inc();
      try {
        yield* watchMaterial(options.source, { namespace, name, content }, context.signal);
      } finally {
        options.metrics.secretWatches.dec();
      }
    },
  });
}

async function authorize(
  { authenticators, readers, metrics, logger }: GatewaySecretsOptions,
  context: CallContext,
): Promise<void> {
  if (!context.secure)
    throw new RpcError(RpcCode.PERMISSION_DENIED, "gateway secrets are sent over TLS only: use citadel's TLS port");
  const identity: WorkloadIdentity = await authenticate(authenticators, context);
  const spiffeId = formatSpiffeId(identity);
  if (readers.includes(spiffeId)) return;
  metrics.secretRefusals.inc();
  logger.warn({ [fields.spiffeId]: spiffeId, [fields.peer]: context.peerAddress }, "gateway secrets refused");
  throw new RpcError(
    RpcCode.PERMISSION_DENIED,
    `${spiffeId} may not read gateway secrets: add it to SECRET_READERS of citadel`,
  );
}
