import type { Node } from "@lateen/protos/envoy/config/core/v3/base_pb.js";
import type { PeerIdentity } from "@lateen/rpc";
import type { TypeStatus } from "./session.ts";

/** One open stream and who is at its other end. */
export interface ConnectedProxy {
  /** `node.id`; a proxy that reconnects may for a moment be connected twice. */
  readonly id: string;
  readonly connectionId: string;
  readonly node: Node;
  readonly peer: PeerIdentity;
  readonly peerAddress: string;
  readonly secure: boolean;
  /** The call's metadata, by lower-case name. */
  readonly metadata: ReadonlyMap<string, string>;
  readonly delta: boolean;
  readonly connectedAtMs: number;
}

export interface ProxyStatus {
  readonly proxy: ConnectedProxy;
  /** Undefined while the proxy has subscribed to nothing that follows the mesh. */
  readonly acknowledgedRevision: bigint | undefined;
  readonly types: readonly TypeStatus[];
}

/** How far all connected proxies are. */
export interface Acknowledgement {
  /** Every proxy has everything up to here; undefined when no proxy is connected. */
  readonly revision: bigint | undefined;
  readonly proxies: number;
  /** Those that do not have the newest revision yet. */
  readonly laggards: readonly ConnectedProxy[];
}
