import { once } from "node:events";
import { connect } from "node:net";

export interface TcpTalk {
  readonly address: string;
  readonly port: number;
  readonly payload: string;
  /** Default 30 s. */
  readonly timeoutMs?: number;
}

/** Connects, sends the payload and returns the first bytes that come back. Rejects when the other end closes before. */
export async function talkTcp({ address, port, payload, timeoutMs = 30_000 }: TcpTalk): Promise<string> {
  const socket = connect({ host: address, port });
  socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no answer in ${timeoutMs} ms`)));
  try {
    const ended = once(socket, "close").then(() => {
      throw new Error("the other end closed the connection without an answer");
    });
    ended.catch(() => undefined);
    const answer = once(socket, "data") as Promise<[Buffer]>;
    answer.catch(() => undefined);
    await Promise.race([once(socket, "connect"), ended]);
    socket.write(payload, "latin1");
    const [bytes] = await Promise.race([answer, ended]);
    return bytes.toString("latin1");
  } finally {
    socket.destroy();
  }
}
