import type { SecretContent } from "@lateen/protos/mesh/identity/v1/gateway_secrets_pb.js";

export interface SecretRef {
  readonly namespace: string;
  readonly name: string;
}

/** A Secret, and what of it is wanted; default its certificates. */
export interface WantedSecret extends SecretRef {
  readonly content?: SecretContent;
}

/** A Secret's content, decoded. */
export type SecretData = ReadonlyMap<string, Buffer>;

/** Where the Secrets of gateways, and those for pulling images, come from. */
export interface SecretSource {
  /**
   * The Secret now and after each change; undefined while there is none. Nothing is said before it is known whether
   * there is one. A slow reader gets the newest. Ends when `signal` aborts.
   */
  watch(ref: SecretRef, signal: AbortSignal): AsyncIterable<SecretData | undefined>;
  /** Does what the watches need. Resolves when `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
}
