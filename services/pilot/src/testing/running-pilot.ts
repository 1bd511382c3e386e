import { createGrpcServer, openChannel } from "@lateen/rpc";
import type { TlsSource } from "@lateen/rpc";
import { createRegistry, silentLogger } from "@lateen/runtime";
import { createPilot } from "../pilot.ts";
import type { PilotOptions } from "../pilot.ts";
import { createTestMesh } from "./mesh.ts";
import type { TestMesh } from "./mesh.ts";

export interface RunningPilotOptions extends Partial<PilotOptions> {
  readonly mesh?: TestMesh;
  readonly tls?: TlsSource;
}

/** A pilot over a memory store, listening on a free port. */
export async function startPilot({ mesh = createTestMesh(), tls, ...options }: RunningPilotOptions = {}) {
  const registry = createRegistry("pilot");
  const pilot = createPilot({ store: mesh.store, logger: silentLogger(), registry, replica: "pilot-0", ...options });
  const server = createGrpcServer({ services: pilot.rpc });
  const { address, port } = await server.listen({ address: "127.0.0.1:0", ...(tls && { tls }) });
  const stop = new AbortController();
  const run = pilot.run(stop.signal);
  const channel = openChannel(address, { kind: "plaintext" });
  return {
    mesh,
    pilot,
    registry,
    server,
    address,
    port,
    channel,
    async [Symbol.asyncDispose]() {
      channel.close();
      stop.abort();
      await run;
      await server.close(200);
    },
  };
}
