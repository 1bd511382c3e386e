import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/**
 * Ports that nothing listens on. Below those that the system gives to clients, one of which may be anybody's by the time
 * the port is used.
 */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = randomInt(10_100, 20_400);
    if (!ports.includes(port) && (await isFree(port))) ports.push(port);
  }
  return ports;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const free = once(server, "listening").then(
    () => true,
    () => false,
  );
  server.listen({ host: "0.0.0.0", port, exclusive: true });
  if (!(await free)) return false;
  server.close();
  await once(server, "close");
  return true;
}
