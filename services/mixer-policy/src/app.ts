import { hostname } from "node:os";
import { createServingIdentity } from "@lateen/identity";
import { openNatsStore } from "@lateen/mesh-store";
import { createGrpcServer, type GrpcServer, type TlsSource } from "@lateen/rpc";
import { type App, type AppContext, type Server, serverOf } from "@lateen/runtime";
import type { Config } from "./config.ts";
import { createMixerPolicy } from "./mixer-policy.ts";
import { countedSubject } from "./rate-limit/exchange.ts";

/** The wiring: store → mirror → three services → one gRPC server on two ports. */
export async function createApp(config: Config, { logger, registry }: AppContext): Promise<App> {
  const store = await openNatsStore({ ...config.nats, name: "mixer-policy", logger });
  const mixerPolicy = createMixerPolicy({
    ...config,
    store,
    logger,
    registry,
    counts: { channel: store.broadcast(countedSubject), replica: `${hostname()}/${process.pid}/${Date.now()}` },
  });
  const server = createGrpcServer({ services: mixerPolicy.rpc, logger });
  const grpc = serverOf("grpc", server, { address: `0.0.0.0:${config.grpcPort}` });
  const identity = config.identity && createServingIdentity({ ...config.identity, logger });
  return {
    // Not part of readiness: with citadel away, the plaintext port still serves.
    components: identity === undefined ? [mixerPolicy] : [mixerPolicy, { ...identity, checks: [] }],
    servers: identity === undefined ? [grpc] : [grpc, tlsListener(server, config.grpcTlsPort, identity.tls)],
    adminPort: config.adminPort,
    drainMs: config.drainMs,
    close: () => store.close(),
  };
}

/** Listens at once; connections succeed when the first certificate is there. The server itself is closed by `grpc`. */
function tlsListener(server: GrpcServer, port: number, tls: TlsSource): Server {
  return {
    name: "grpc-tls",
    async start() {
      await server.listen({ address: `0.0.0.0:${port}`, tls });
      return undefined;
    },
  };
}
