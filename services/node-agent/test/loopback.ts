import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/** An address of this machine that no other test is likely to use: every port of it is free. */
export function loopbackAddress(): string {
  return `127.${randomInt(10, 60)}.${randomInt(1, 255)}.${randomInt(1, 255)}`;
}

/** A port of `host` that nothing listens on. */
export async function freePort(host: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const server = createServer();
  server.once("error", reject);
  server.listen({ host, port: 0 }, () => {
    const address = server.address();
    server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
  });
  return await promise;
}
