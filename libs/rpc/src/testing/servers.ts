import { createGrpcServer } from "../server.ts";
import type { GrpcServer } from "../server.ts";
import type { RpcService } from "../service.ts";

export interface TestServer extends AsyncDisposable {
  readonly server: GrpcServer;
  readonly address: string;
  readonly faults: unknown[];
}

/** A plaintext server on a free port, closed at the end of the scope. */
export async function startServer(...services: RpcService[]): Promise<TestServer> {
  const faults: unknown[] = [];
  const server = createGrpcServer({ services, logger: { error: (fields) => void faults.push(fields) } });
  const { address } = await server.listen({ address: "127.0.0.1:0" });
  return { server, address, faults, [Symbol.asyncDispose]: () => server.close(200) };
}
