import {
  AUTHORITATIVE_ANSWER,
  decode,
  encode,
  RECURSION_AVAILABLE,
  RECURSION_DESIRED,
  TRUNCATED_RESPONSE,
} from "dns-packet";
import type { Answer as ResourceRecord, OptAnswer, Packet, Question } from "dns-packet";
import { normalized } from "./names.ts";
import type { Answer } from "./names.ts";

/** How long a client may keep an answer: what a name stands for changes with the mesh. Istio's value. */
const ttlSeconds = 30;
/** Without EDNS a client takes no more over UDP. */
const plainUdpBytes = 512;
/** What we tell clients that we take ourselves. */
const ownUdpBytes = 4_096;
const serverFailure = 2;

export interface Query {
  readonly id: number;
  readonly flags: number;
  readonly question: Question;
  /** In lower case, without the dot at its end. */
  readonly name: string;
  /** How much the client takes over UDP. */
  readonly udpBytes: number;
  readonly edns: boolean;
}

/** A query with one question; undefined for anything else, which deserves no answer. */
export function readQuery(bytes: Buffer): Query | undefined {
  let packet: Packet;
  try {
    packet = decode(bytes);
  } catch {
    return undefined;
  }
  const [question, ...others] = packet.questions ?? [];
  if (packet.type !== "query" || question === undefined || others.length > 0) return undefined;
  const opt = packet.additionals?.find((record): record is OptAnswer & ResourceRecord => record.type === "OPT");
  return {
    id: packet.id ?? 0,
    flags: packet.flags ?? 0,
    question,
    name: normalized(question.name),
    udpBytes: Math.max(plainUdpBytes, Number(opt?.udpPayloadSize ?? 0)),
    edns: opt !== undefined,
  };
}

/**
 * The answer for a known name, shuffled so that clients that take the first address spread out. A name without
 * addresses of the family asked for is there all the same: no addresses, and no error.
 */
export function answerTo(query: Query, answer: Answer): Packet {
  const { question } = query;
  const addresses = question.type === "A" ? answer.v4 : answer.v6;
  const owner = answer.canonical ?? question.name;
  const records = shuffled(addresses).map(
    (data): ResourceRecord => ({
      type: question.type === "A" ? "A" : "AAAA",
      name: owner,
      ttl: ttlSeconds,
      class: "IN",
      data,
    }),
  );
  const alias: ResourceRecord[] =
    answer.canonical === undefined || records.length === 0
      ? []
      : [{ type: "CNAME", name: question.name, ttl: ttlSeconds, class: "IN", data: owner }];
  return response(query, AUTHORITATIVE_ANSWER, [...alias, ...records]);
}

export function failure(query: Query): Packet {
  return response(query, serverFailure, []);
}

/** Over UDP no more than the client takes: what is cut off is asked for again over TCP. */
export function encoded(packet: Packet, limit: number): Buffer {
  const whole = encode(packet);
  if (whole.length <= limit) return whole;
  return encode({ ...packet, flags: (packet.flags ?? 0) | TRUNCATED_RESPONSE, answers: [] });
}

function response({ id, flags, question, edns }: Query, own: number, answers: ResourceRecord[]): Packet {
  const opt: OptAnswer = {
    type: "OPT",
    name: ".",
    udpPayloadSize: ownUdpBytes,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  };
  return {
    type: "response",
    id,
    flags: (flags & RECURSION_DESIRED) | RECURSION_AVAILABLE | own,
    questions: [question],
    answers,
    additionals: edns ? [opt as OptAnswer & ResourceRecord] : [],
  };
}

function shuffled(addresses: readonly string[]): readonly string[] {
  if (addresses.length < 2) return addresses;
  return addresses
    .map((address) => ({ address, rank: Math.random() }))
    .sort((left, right) => left.rank - right.rank)
    .map(({ address }) => address);
}
