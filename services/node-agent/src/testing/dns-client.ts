import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect } from "node:net";
import { decode, encode, RECURSION_DESIRED } from "dns-packet";
import type { Answer, Packet, RecordType } from "dns-packet";
import { framed, Frames } from "../dns/frames.ts";
import type { Address } from "../envoy/bootstrap.ts";

export interface Asked {
  readonly name: string;
  readonly type: RecordType;
  readonly transport: "udp" | "tcp";
  /** What the client says it takes over UDP; without it nothing is said. */
  readonly udpBytes?: number;
}

export interface Told {
  readonly rcode: string;
  /** As in `A 10.0.0.1`. */
  readonly answers: readonly string[];
  readonly truncated: boolean;
}

/** One DNS query, as an application's resolver sends it. */
export async function ask(address: Address, { name, type, transport, udpBytes }: Asked): Promise<Told> {
  const opt = { type: "OPT", name: ".", udpPayloadSize: udpBytes, flags: 0, options: [] } as unknown as Answer;
  const query: Packet = {
    type: "query",
    id: 4_711,
    flags: RECURSION_DESIRED,
    questions: [{ name, type }],
    additionals: udpBytes === undefined ? [] : [opt],
  };
  const bytes = transport === "udp" ? await overUdp(address, encode(query)) : await overTcp(address, encode(query));
  // What `decode` adds, its types do not say.
  const packet = decode(bytes) as unknown as Packet & { readonly rcode: string; readonly flag_tc: boolean };
  if (packet.id !== query.id) throw new Error(`an answer to another query: ${packet.id}`);
  const answers = (packet.answers ?? []).map(
    (answer) => `${answer.type} ${"data" in answer ? String(answer.data) : ""}`,
  );
  return { rcode: packet.rcode, answers, truncated: packet.flag_tc };
}

async function overUdp({ host, port }: Address, query: Buffer): Promise<Buffer> {
  const socket = createSocket("udp4");
  try {
    socket.send(query, port, host);
    const [answer] = (await once(socket, "message", { signal: AbortSignal.timeout(5_000) })) as [Buffer];
    return answer;
  } finally {
    socket.close();
  }
}

async function overTcp({ host, port }: Address, query: Buffer): Promise<Buffer> {
  const socket = connect(port, host);
  try {
    socket.write(framed(query));
    const frames = new Frames();
    for (;;) {
      const [chunk] = (await once(socket, "data", { signal: AbortSignal.timeout(5_000) })) as [Buffer];
      const [answer] = frames.push(chunk);
      if (answer !== undefined) return answer;
    }
  } finally {
    socket.destroy();
  }
}
