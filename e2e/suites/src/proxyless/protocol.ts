/** The one call that the programs of the proxyless suite make, without generated code: both sides speak JSON. */
import type { ServiceDefinition } from "@grpc/grpc-js";

export interface EchoAnswer {
  /** Who answered. */
  readonly name: string;
}

/** What the calling program is asked to do, by a message of its parent. */
export interface CallOrder {
  /** After `xds:///`. */
  readonly target: string;
  readonly count: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** How often each server answered, and each status code came. */
export interface CallReport {
  readonly answers: Readonly<Record<string, number>>;
  readonly errors: Readonly<Record<string, number>>;
  /** Of the last error. */
  readonly detail: string;
}

const asJson = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const fromJson = (bytes: Buffer): unknown => JSON.parse(bytes.toString("utf8"));

export const echoService = {
  call: {
    path: "/echo.Echo/Call",
    requestStream: false,
    responseStream: false,
    requestSerialize: asJson,
    requestDeserialize: fromJson,
    responseSerialize: asJson,
    responseDeserialize: fromJson,
  },
} satisfies ServiceDefinition;
