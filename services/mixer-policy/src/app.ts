import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { obtainIdentity } from "@lateen/identity";
import { openNatsStore } from "@lateen/mesh-store";
import { createGrpcServer, type GrpcServer } from "@lateen/rpc";
import { type App, type AppContext, type Logger, type Server, serverOf } from "@lateen/runtime";
import type { Config, IdentityConfig } from "./config.ts";
import { createMixerPolicy } from "./mixer-policy.ts";
import { countedSubject } from "./rate-limit/exchange.ts";

/** The wiring: store → mirror → three services → one gRPC server on two ports. */
export async function createApp(config: Config, { logger, registry }: AppContext): Promise<App> {
  const store = await openNatsStore({ ...config.nats, name: "mixer-policy", logger });
  const mixerPolicy = createMixerPolicy({
    ...config, store, logger, registry,
    counts: { channel: store.broadcast(countedSubject), replica: `${hostname()}/${process.pid}/${Date.now()}` },
  });
  const server = createGrpcServer({ services: mixerPolicy.rpc, logger });
  const grpc = serverOf("grpc", server, { address: `0.0.0.0:${config.grpcPort}` });
  return {
    components: [mixerPolicy],
    servers: config.identity === undefined ? [grpc] : [grpc, tlsListener(server, config.grpcTlsPort, config.identity, logger)],
    adminPort: config.adminPort,
    drainMs: config.drainMs,
    close: () => store.close(),
  };
}

/** Listens at once; connections succeed when the first certificate is there. The server itself is closed by `grpc`. */
function tlsListener(server: GrpcServer, port: number, identity: IdentityConfig, logger: Logger): Server {
  return {
    name: "grpc-tls",
    async start(signal) {
      const { caAddress, ttlSeconds, trustDomain } = identity;
      const client = obtainIdentity({
        caAddress, ttlSeconds, trustDomain, signal, logger,
        roots: () => readFileSync(identity.rootFile, "utf8"),
        token: () => readFileSync(identity.tokenFile, "utf8").trim(),
      });
      await server.listen({ address: `0.0.0.0:${port}`, tls: client.source });
      return () => client.done;
    },
  };
}
