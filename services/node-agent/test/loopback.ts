import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/** An address of this machine that no other test is likely to use: every port of it is free. */
export function loopbackAddress(): string {
  return `127.${randomInt(10, 60)}.${randomInt(1, 255)}.${randomInt(1, 255)}`;
}

/** A port of `host` that nothing listens on, and that the system gives to no client. */
export async function freePort(host: string): Promise<number> {
  for (;;) {
    const port = randomInt(10_100, 20_400);
    if (await isFree(host, port)) return port;
  }
}

async function isFree(host: string, port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.once("error", () => resolve(false));
  server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  return await promise;
}
