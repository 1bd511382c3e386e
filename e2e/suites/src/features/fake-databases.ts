import { once } from "node:events";
import { createServer, type Socket } from "node:net";

export interface FakeServer extends AsyncDisposable {
  /** What came, message by message. */
  readonly received: readonly Buffer[];
}

/** Answers every piece of bytes with `answer`'s. */
export async function fakeServer(
  { address, port }: { readonly address: string; readonly port: number },
  answer: (message: Buffer) => Buffer,
): Promise<FakeServer> {
  const received: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("data", (message: Buffer) => {
      received.push(message);
      socket.write(answer(message));
    });
  });
  server.listen(port, address);
  await once(server, "listening");
  return {
    received,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

const emptyDocument = Buffer.from([5, 0, 0, 0, 0]);

/** OP_QUERY for `shop.orders`, the wire protocol of MongoDB. */
export function mongoQuery(): Buffer {
  const body = Buffer.concat([int32(0), Buffer.from("shop.orders\0"), int32(0), int32(1), emptyDocument]);
  return mongoMessage(2004, body);
}

/** OP_REPLY with one empty document. */
export function mongoReply(): Buffer {
  const header = Buffer.alloc(20);
  header.writeInt32LE(1, 16);
  return mongoMessage(1, Buffer.concat([header, emptyDocument]));
}

function mongoMessage(operation: number, body: Buffer): Buffer {
  return Buffer.concat([int32(16 + body.length), int32(7), int32(7), int32(operation), body]);
}

function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32LE(value);
  return buffer;
}

/** A command in the protocol of Redis. */
export function redisCommand(...words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`;
}
