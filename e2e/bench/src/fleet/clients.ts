/** The proxies of the fleet, in a process of their own; `fleet.ts` asks it over `Remote`. */
import { type Channel, openChannel } from "@lateen/rpc";
import type { Pod } from "./mesh.ts";
import { clockMs, serve } from "./remote.ts";
import { FleetSidecar, type Held, returningRequests } from "./sidecar.ts";
import type { Answer, Type } from "./wire.ts";

export interface OpenRequest {
  readonly address: string;
  readonly pods: readonly Pod[];
  /** Streams that share a connection. */
  readonly perChannel: number;
  /** They come back with what `learn` saw their service's proxies have. */
  readonly returning?: boolean;
}

export interface Traffic {
  readonly answers: Readonly<Record<string, number>>;
  readonly bytes: Readonly<Record<string, number>>;
  /** When the last answer came. */
  readonly lastAtMs: number;
}

interface Expectation {
  readonly type: Type;
  readonly marker: string;
  readonly missing: Set<FleetSidecar>;
  readonly reached: PromiseWithResolvers<{ lastAtMs: number; bytes: Buffer }>;
}

const channels: Channel[] = [];
const sidecars = new Set<FleetSidecar>();
const stalled: FleetSidecar[] = [];
const learned = new Map<string, Record<Type, Record<string, string>>>();
let ends = 0;
let closing = false;
let traffic: { answers: Record<string, number>; bytes: Record<string, number>; lastAtMs: number } = newTraffic();
let expectation: Expectation | undefined;
let keep: ((sidecar: FleetSidecar, answer: Answer, bytes: Buffer) => void) | undefined;

function newTraffic() {
  return { answers: {}, bytes: {}, lastAtMs: 0 };
}

function onAnswer(sidecar: FleetSidecar, answer: Answer, bytes: Buffer): void {
  traffic.answers[answer.type] = (traffic.answers[answer.type] ?? 0) + 1;
  traffic.bytes[answer.type] = (traffic.bytes[answer.type] ?? 0) + bytes.length;
  traffic.lastAtMs = sidecar.lastAtMs;
  keep?.(sidecar, answer, bytes);
  if (expectation === undefined || answer.type !== expectation.type || !bytes.includes(expectation.marker)) return;
  expectation.missing.delete(sidecar);
  if (expectation.missing.size === 0) expectation.reached.resolve({ lastAtMs: sidecar.lastAtMs, bytes });
}

async function open({
  address,
  pods,
  perChannel,
  returning = false,
}: OpenRequest): Promise<{ startedAtMs: number; lastAtMs: number }> {
  const startedAtMs = clockMs();
  closing = false;
  const { promise, resolve } = Promise.withResolvers<void>();
  let incomplete = pods.length;
  let channel: Channel | undefined;
  const opened: FleetSidecar[] = [];
  for (const [index, pod] of pods.entries()) {
    if (channel === undefined || index % perChannel === 0) {
      channel = openChannel(address, { kind: "plaintext" });
      channels.push(channel);
    }
    const held: Held | undefined = returning ? learned.get(`${pod.namespace}/${pod.service}`) : undefined;
    const sidecar = new FleetSidecar(channel, {
      ...{ pod, onAnswer, onEnd },
      onComplete: () => --incomplete === 0 && resolve(),
      returning: held && returningRequests(pod, held),
    });
    opened.push(sidecar);
    sidecars.add(sidecar);
  }
  if (!returning) await promise;
  return { startedAtMs, lastAtMs: Math.max(...opened.map(({ lastAtMs }) => lastAtMs)) };
}

function onEnd(sidecar: FleetSidecar): void {
  sidecars.delete(sidecar);
  if (!closing) ends++;
}

function close(): void {
  closing = true;
  for (const sidecar of sidecars) sidecar.close();
  for (const channel of channels.splice(0)) channel.close();
  sidecars.clear();
  stalled.length = 0;
}

const handlers = {
  open,
  close,
  /** Connects one proxy for each pod, remembers what it gets, and leaves. */
  async learn(request: OpenRequest): Promise<void> {
    keep = ({ pod }, { type, names, versions }) => {
      const key = `${pod.namespace}/${pod.service}`;
      const held = learned.get(key) ?? { CDS: {}, EDS: {}, LDS: {}, RDS: {} };
      learned.set(key, held);
      for (const [index, name] of names.entries()) held[type][name] = versions[index] ?? "";
    };
    await open(request);
    keep = undefined;
    close();
  },
  /** The very bytes that one proxy is sent, in order. */
  async record(request: OpenRequest): Promise<readonly (readonly [Type, Buffer])[]> {
    const recorded: [Type, Buffer][] = [];
    keep = (_sidecar, { type }, bytes) => void recorded.push([type, bytes]);
    await open(request);
    keep = undefined;
    close();
    return recorded;
  },
  /** From now on each proxy is awaited to get an answer of `type` that holds `marker`. */
  arm({ type, marker }: { type: Type; marker: string }): void {
    const missing = new Set(sidecars);
    for (const sidecar of stalled) missing.delete(sidecar);
    expectation = { type, marker, missing, reached: Promise.withResolvers() };
  },
  /** As `arm`, for one proxy. */
  armOne({ type, marker, pod }: { type: Type; marker: string; pod: string }): void {
    const missing = new Set([...sidecars].filter((sidecar) => sidecar.pod.name === pod));
    expectation = { type, marker, missing, reached: Promise.withResolvers() };
  },
  async reached(): Promise<{ lastAtMs: number; bytes: Buffer } | undefined> {
    return await expectation?.reached.promise;
  },
  stall(count: number): void {
    for (const sidecar of [...sidecars].slice(0, count)) {
      sidecar.stall();
      stalled.push(sidecar);
    }
  },
  resume(): void {
    for (const sidecar of stalled.splice(0)) sidecar.resume();
  },
  resetTraffic(): void {
    traffic = newTraffic();
  },
  traffic: (): Traffic => traffic,
  state: () => ({ open: sidecars.size, ends }),
};

export type ClientHandlers = typeof handlers;

serve(handlers);
