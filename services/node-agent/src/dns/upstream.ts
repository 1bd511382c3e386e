import { createSocket } from "node:dgram";
import { isIPv6, connect } from "node:net";
import { randomInt } from "node:crypto";
import type { Address } from "../envoy/bootstrap.ts";
import { framed, Frames } from "./frames.ts";

export interface UpstreamOptions {
  /** Asked one after the other until one answers. */
  readonly servers: readonly Address[];
  readonly timeoutMs?: number;
  /** Queries under way at one time; more of them fail at once. */
  readonly limit?: number;
}

type Transport = "udp" | "tcp";

/** Asks the resolvers that the machine names. Every query is bounded in time, and so is their number. */
export class Upstream {
  readonly #options: UpstreamOptions;
  #underWay = 0;

  constructor(options: UpstreamOptions) {
    this.#options = options;
  }

  /** A server's answer as it came, under the id of the query; undefined where none answers. */
  async ask(query: Buffer, transport: Transport, signal: AbortSignal): Promise<Buffer | undefined> {
    const { servers, limit = 1_000, timeoutMs = 2_000 } = this.#options;
    if (this.#underWay >= limit) return undefined;
    this.#underWay++;
    try {
      for (const server of servers) {
        if (signal.aborted) return undefined;
        // Somebody who cannot see the query must not be able to answer it: an id and a port of its own.
        const disguised = withId(query, randomInt(65_536));
        const limited = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
        const answer = await askOne[transport](disguised, server, limited);
        if (answer !== undefined) return withId(answer, query.readUInt16BE(0));
      }
      return undefined;
    } finally {
      this.#underWay--;
    }
  }
}

/** One server; undefined when it does not answer before `signal` aborts. */
type AskOne = (query: Buffer, server: Address, signal: AbortSignal) => Promise<Buffer | undefined>;

const askOne: Readonly<Record<Transport, AskOne>> = { udp: askByUdp, tcp: askByTcp };

function askByUdp(query: Buffer, { host, port }: Address, signal: AbortSignal): Promise<Buffer | undefined> {
  const { promise, resolve } = Promise.withResolvers<Buffer | undefined>();
  const socket = createSocket(isIPv6(host) ? "udp6" : "udp4");
  const give = (answer: Buffer | undefined): void => {
    signal.removeEventListener("abort", onAbort);
    socket.removeAllListeners("message");
    socket.close();
    resolve(answer);
  };
  const onAbort = (): void => give(undefined);
  signal.addEventListener("abort", onAbort, { once: true });
  socket.once("error", onAbort);
  socket.on("message", (message) => {
    if (message.length > 2 && message.readUInt16BE(0) === query.readUInt16BE(0)) give(message);
  });
  socket.connect(port, host, () => socket.send(query)); // connected: only this server's packets arrive
  return promise;
}

function askByTcp(query: Buffer, { host, port }: Address, signal: AbortSignal): Promise<Buffer | undefined> {
  const { promise, resolve } = Promise.withResolvers<Buffer | undefined>();
  const socket = connect({ host, port });
  const frames = new Frames();
  const give = (answer: Buffer | undefined): void => {
    signal.removeEventListener("abort", onAbort);
    socket.destroy();
    resolve(answer);
  };
  const onAbort = (): void => give(undefined);
  signal.addEventListener("abort", onAbort, { once: true });
  socket.once("error", onAbort).once("close", onAbort);
  socket.on("data", (chunk) => {
    const [answer] = frames.push(chunk);
    if (answer !== undefined) give(answer);
  });
  socket.write(framed(query));
  return promise;
}

function withId(message: Buffer, id: number): Buffer {
  const copy = Buffer.from(message);
  copy.writeUInt16BE(id, 0);
  return copy;
}
