import { createSocket } from "node:dgram";
import type { Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, isIPv6 } from "node:net";
import type { Server as TcpServer, Socket } from "node:net";
import type { Server } from "@lateen/runtime";
import type { Address } from "../envoy/bootstrap.ts";
import { framed, Frames } from "./frames.ts";
import { answerTo, encoded, failure, readQuery } from "./messages.ts";
import type { Names } from "./names.ts";
import type { Upstream } from "./upstream.ts";

export interface DnsObserver {
  requested(): void;
  /** A name that is not the mesh's was asked of the machine's resolvers. */
  forwarded(seconds: number, answered: boolean): void;
}

export interface DnsOptions {
  readonly addresses: readonly Address[];
  /** Undefined until pilot has told the names: until then nothing is answered, as a wrong answer would be kept. */
  readonly names: () => Names | undefined;
  readonly upstream: Upstream;
  readonly observer: DnsObserver;
}

const maxTcpConnections = 200;
const tcpIdleMs = 10_000;
const maxMessageBytes = 65_535;

/** Answers what the mesh knows and passes on the rest, over UDP and TCP. Rejects where it cannot bind. */
export function dnsServer(options: DnsOptions): Server {
  return {
    name: "dns",
    async start() {
      const stop = new AbortController();
      const sockets: UdpSocket[] = [];
      const servers: TcpServer[] = [];
      const close = async (): Promise<void> => {
        stop.abort();
        for (const socket of sockets) socket.close();
        await Promise.all(servers.map(closeServer));
      };
      try {
        for (const address of options.addresses) {
          sockets.push(await listenUdp(address, options, stop.signal));
          servers.push(await listenTcp(address, options, stop.signal));
        }
      } catch (error) {
        await close();
        throw error;
      }
      return close;
    },
  };
}

async function listenUdp({ host, port }: Address, options: DnsOptions, signal: AbortSignal): Promise<UdpSocket> {
  const socket = createSocket(isIPv6(host) ? "udp6" : "udp4");
  socket.on("message", (message, from) => {
    void respond(message, "udp", { options, signal }).then((answer) => {
      if (answer !== undefined && !signal.aborted) socket.send(answer, from.port, from.address, () => undefined);
    });
  });
  socket.bind(port, host);
  await once(socket, "listening");
  socket.on("error", () => undefined); // one client's packet
  return socket;
}

async function listenTcp({ host, port }: Address, options: DnsOptions, signal: AbortSignal): Promise<TcpServer> {
  const server = createServer((socket) => serveTcp(socket, options, signal));
  server.maxConnections = maxTcpConnections;
  server.listen(port, host);
  await once(server, "listening");
  return server;
}

function serveTcp(socket: Socket, options: DnsOptions, signal: AbortSignal): void {
  const frames = new Frames();
  const end = (): void => void socket.destroy();
  signal.addEventListener("abort", end, { once: true });
  socket.once("close", () => signal.removeEventListener("abort", end));
  socket.on("error", end).setTimeout(tcpIdleMs, end);
  socket.on("data", (chunk) => {
    for (const message of frames.push(chunk)) {
      void respond(message, "tcp", { options, signal }).then((answer) => {
        if (answer !== undefined && !socket.destroyed) socket.write(framed(answer));
      });
    }
  });
}

function closeServer(server: TcpServer): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

async function respond(
  message: Buffer,
  transport: "udp" | "tcp",
  { options, signal }: { readonly options: DnsOptions; readonly signal: AbortSignal },
): Promise<Buffer | undefined> {
  const query = readQuery(message);
  if (query === undefined) return undefined;
  const { names, upstream, observer } = options;
  observer.requested();
  const limit = transport === "udp" ? query.udpBytes : maxMessageBytes;
  const known = names();
  if (known === undefined) return encoded(failure(query), limit);
  const isAddress = query.question.type === "A" || query.question.type === "AAAA";
  const answer = isAddress ? known.find(query.name) : undefined;
  if (answer !== undefined) return encoded(answerTo(query, answer), limit);
  const startedAt = performance.now();
  const forwarded = await upstream.ask(message, transport, signal);
  observer.forwarded((performance.now() - startedAt) / 1_000, forwarded !== undefined);
  return forwarded ?? encoded(failure(query), limit);
}
