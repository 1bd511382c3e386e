import type { ConnectedProxy } from "./proxy.ts";
import type { Resource } from "./resource.ts";

export interface PushReport {
  readonly typeUrl: string;
  readonly revision: bigint;
  readonly resources: number;
  readonly bytes: number;
  /** What it took to decide and to encode it. */
  readonly encodeMs: number;
}

export interface RejectionReport {
  readonly typeUrl: string;
  readonly nonce: string;
  /** The proxy's own words. */
  readonly message: string;
  /** Those the message names, or all that it could be about. */
  readonly resources: readonly Resource[];
}

/** Told of what happens on the streams, as it happens. Must be quick and must not throw. */
export interface XdsObserver {
  connected?(proxy: ConnectedProxy): void;
  disconnected?(proxy: ConnectedProxy, error: unknown): void;
  /** After having waited this long, a proxy that has not everything yet is sent the next of its first answers. */
  admitted?(proxy: ConnectedProxy, waitedMs: number): void;
  pushed?(proxy: ConnectedProxy, report: PushReport): void;
  acknowledged?(proxy: ConnectedProxy, typeUrl: string, elapsedMs: number): void;
  rejected?(proxy: ConnectedProxy, report: RejectionReport): void;
  /** The agent beside the proxy says whether its workload is well; `problem` is what is wrong. */
  healthReported?(proxy: ConnectedProxy, problem: string | undefined): void;
  /** The proxy now has everything up to `revision`. */
  advanced?(proxy: ConnectedProxy, revision: bigint): void;
  /** Something on behalf of one proxy failed while its stream goes on. */
  problem?(proxy: ConnectedProxy, error: unknown): void;
}
