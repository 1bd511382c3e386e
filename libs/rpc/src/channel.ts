import type { Socket } from "node:net";
import { checkServerIdentity } from "node:tls";
import type { PeerCertificate } from "node:tls";
import * as grpc from "@grpc/grpc-js";
import { uriNames } from "./peer.ts";

export interface ClientIdentity {
  readonly certificateChainPem: string;
  readonly privateKeyPem: string;
}

/** The functions are asked anew for every connection, so a rotated certificate or root takes effect by itself. */
export type ChannelSecurity =
  | { readonly kind: "plaintext" }
  | {
      readonly kind: "tls";
      /** PEM; several certificates may follow each other. */
      readonly roots: () => string;
      /** The DNS name asked for (SNI) and checked, where it is not the address's host. */
      readonly serverName?: string;
      /** Accept a server by its SPIFFE id, instead of by its DNS name. */
      readonly spiffeIds?: readonly string[];
      readonly identity?: () => ClientIdentity | undefined;
    };

export interface ChannelOptions {
  /** HTTP/2 flow-control window; a large one keeps big pushes from waiting for round trips. */
  readonly flowControlWindow?: number;
  readonly keepaliveTimeMs?: number;
  /** The longest pause between attempts to connect. */
  readonly maxReconnectBackoffMs?: number;
}

/** One connection's worth of calls; connects when first used and again after it breaks. */
export interface Channel {
  readonly address: string;
  /** For `createClient`; not part of the contract. */
  readonly client: grpc.Client;
  /** Ends running calls too. */
  close(): void;
}

/** `address`: `host:port` or `unix:/absolute/path`. Does no I/O. */
export function openChannel(address: string, security: ChannelSecurity, options: ChannelOptions = {}): Channel {
  const credentials = security.kind === "tls" ? new PulledTlsCredentials(security) : grpc.credentials.createInsecure();
  const client = new grpc.Client(address, credentials, {
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
    "grpc.keepalive_time_ms": options.keepaliveTimeMs ?? 30_000,
    "grpc.keepalive_timeout_ms": 10_000,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": options.maxReconnectBackoffMs ?? 5_000,
    "grpc-node.flow_control_window": options.flowControlWindow ?? 4 * 1024 * 1024,
    "grpc.enable_retries": 0, // retries belong to the caller, and their buffer keeps every message of a stream
    "grpc.enable_http_proxy": 0,
    "grpc.service_config_disable_resolution": 1,
    "grpc.use_local_subchannel_pool": 1, // a pooled connection could be another channel's identity
    ...(security.kind === "tls" && security.serverName !== undefined
      ? { "grpc.ssl_target_name_override": security.serverName, "grpc.default_authority": security.serverName }
      : {}),
  });
  return { address, client, close: () => client.close() };
}

type TlsSecurity = Extract<ChannelSecurity, { kind: "tls" }>;
type SecureConnector = ReturnType<grpc.ChannelCredentials["_createSecureConnector"]>;
type ConnectorArguments = Parameters<grpc.ChannelCredentials["_createSecureConnector"]>;

/** grpc-js's own TLS credentials fix the certificates once; these read them again for each connection. */
class PulledTlsCredentials extends grpc.ChannelCredentials {
  readonly #security: TlsSecurity;

  constructor(security: TlsSecurity) {
    super();
    this.#security = security;
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: grpc.ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(...args: ConnectorArguments): SecureConnector {
    const [, , callCredentials] = args;
    return {
      connect: async (socket: Socket) =>
        currentCredentials(this.#security)
          ._createSecureConnector(...args)
          .connect(socket),
      waitForReady: async () => {},
      getCallCredentials: () => callCredentials ?? grpc.CallCredentials.createEmpty(),
      destroy: () => {},
    };
  }
}

function currentCredentials(security: TlsSecurity): grpc.ChannelCredentials {
  const identity = security.identity?.();
  return grpc.ChannelCredentials.createSsl(
    Buffer.from(security.roots()),
    identity === undefined ? null : Buffer.from(identity.privateKeyPem),
    identity === undefined ? null : Buffer.from(identity.certificateChainPem),
    { checkServerIdentity: (host, certificate) => checkPeer(security, host, certificate) },
  );
}

/** Runs only for a certificate that the roots vouch for. */
function checkPeer(security: TlsSecurity, host: string, certificate: PeerCertificate): Error | undefined {
  if (security.spiffeIds === undefined) return checkServerIdentity(host, certificate);
  const ids = uriNames(certificate.subjectaltname ?? "");
  const [id] = ids;
  if (ids.length === 1 && id !== undefined && security.spiffeIds.includes(id)) return undefined;
  return new Error(`server identity ${ids.join(", ") || "(none)"} is not one of ${security.spiffeIds.join(", ")}`);
}
