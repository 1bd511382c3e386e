import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { decode, encode } from "dns-packet";

/** Stands for the resolvers of a machine: knows the names it is given, and says of every other that there is none. */
export class FakeResolver implements AsyncDisposable {
  /** `127.0.0.1:port` */
  readonly address: string;
  /** Names it was asked for. */
  readonly asked: string[] = [];
  readonly #socket: Socket;

  private constructor(socket: Socket, names: Readonly<Record<string, string>>) {
    const noSuchName = 3;
    this.#socket = socket;
    this.address = `127.0.0.1:${socket.address().port}`;
    socket.on("message", (bytes, from) => {
      const { id = 0, questions = [] } = decode(bytes);
      const name = questions[0]?.name.toLowerCase() ?? "";
      this.asked.push(name);
      const data = names[name];
      const answers = data === undefined ? [] : [{ type: "A" as const, name, ttl: 5, data }];
      const flags = data === undefined ? noSuchName : 0;
      socket.send(encode({ type: "response", id, flags, questions, answers }), from.port, from.address);
    });
  }

  static async start(names: Readonly<Record<string, string>>): Promise<FakeResolver> {
    const socket = createSocket("udp4");
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    return new FakeResolver(socket, names);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await once(this.#socket, "close");
  }
}
