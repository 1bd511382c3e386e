import { create } from "@bufbuild/protobuf";
import type { JsonObject } from "@bufbuild/protobuf";
import { NodeSchema } from "@lateen/protos/envoy/config/core/v3/base_pb.js";
import type { ConnectedProxy } from "@lateen/xds-server";

export interface ConnectedProxyOptions {
  readonly id?: string;
  readonly metadata?: JsonObject;
  /** Of its certificate, which makes the connection secure. */
  readonly spiffeId?: string;
  readonly secure?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  readonly peerAddress?: string;
}

let count = 0;

export function connectedProxy(options: ConnectedProxyOptions): ConnectedProxy {
  const { id = "sidecar~10.0.0.9~web-0.shop~shop.svc.cluster.local", metadata = {}, spiffeId, headers = {} } = options;
  return {
    id,
    connectionId: String(++count),
    node: create(NodeSchema, { id, metadata: { ...metadata } }),
    delta: true,
    connectedAtMs: 0,
    peer: spiffeId === undefined ? { kind: "none" } : { kind: "tls", spiffeId, certificate: Buffer.alloc(0) },
    peerAddress: options.peerAddress ?? "10.0.0.9:4711",
    secure: options.secure ?? spiffeId !== undefined,
    metadata: new Map(Object.entries(headers)),
  };
}
