import { randomInt } from "node:crypto";
import { createServer, type Server } from "node:net";

/**
 * Below the range the system takes client ports from, so that no connection of the tests sits on a port they listen on, and
 * below Kubernetes' node ports.
 */
const lowestPort = 20_500;
const blocks = 95;
const blockSize = 100;

/** Where a block's first port is held while its process runs: the mark that other test processes see. */
const blockMark = "127.63.0.1";

/** Ports in blocks that no other process of the harness has, so that none is taken between its choice and its use. */
async function* ownPorts(): AsyncGenerator<number, never> {
  for (let attempt = 0; attempt < 2_000; attempt++) {
    const first = lowestPort + blockSize * randomInt(blocks);
    const mark = await listen(blockMark, first);
    if (mark === undefined) continue;
    mark.unref();
    for (let port = first + 1; port < first + blockSize; port++) {
      const server = await listen("0.0.0.0", port);
      if (server === undefined) continue;
      await close(server);
      yield port;
    }
  }
  throw new Error(`no free port between ${lowestPort} and ${lowestPort + blocks * blockSize}`);
}

const own = ownPorts();

/** A port nothing listens on, on any address of this machine; never the same twice, in this process or another that runs. */
export async function freePort(): Promise<number> {
  return (await own.next()).value;
}

/** A number below 16 000 that is as much this process's own as the port is. */
export function numberOf(port: number): number {
  return port - lowestPort;
}

export async function freePorts(count: number): Promise<readonly number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  return ports;
}

/** This port of the block's last address is held while the block is in use: the mark other test processes see. */
const markPort = 10_001;

/** 250 addresses 127.a.b.1 … 127.a.b.250 that no other block of the harness holds. Given back on dispose. */
export class LoopbackBlock implements AsyncDisposable {
  readonly #prefix: string;
  readonly #mark: Server;
  #next = 1;

  private constructor(prefix: string, mark: Server) {
    this.#prefix = prefix;
    this.#mark = mark;
  }

  static async reserve(): Promise<LoopbackBlock> {
    for (let attempt = 0; attempt < 200; attempt++) {
      const prefix = `127.${randomInt(64, 250)}.${randomInt(1, 250)}`;
      const mark = await listen(`${prefix}.254`, markPort);
      if (mark !== undefined) return new LoopbackBlock(prefix, mark);
    }
    throw new Error("no free block of loopback addresses");
  }

  /** The block's next address. */
  address(): string {
    if (this.#next > 250) throw new Error(`all addresses of ${this.#prefix}.0 are taken`);
    return `${this.#prefix}.${this.#next++}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await close(this.#mark);
  }
}

/** A listening server, or undefined when the address and port are taken. */
function listen(host: string, port: number): Promise<Server | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<Server | undefined>();
  const server = createServer();
  server.once("error", (error: NodeJS.ErrnoException) =>
    error.code === "EADDRINUSE" ? resolve(undefined) : reject(error),
  );
  server.listen({ host, port, exclusive: true }, () => resolve(server));
  return promise;
}

function close(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  return promise;
}
