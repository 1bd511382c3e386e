import { fromBinary } from "@bufbuild/protobuf";
import { parseCertificates } from "@lateen/pki";
import { TrustAnchorsSchema } from "@lateen/protos/mesh/identity/v1/trust_anchors_pb.js";
import type { OwnType } from "./own-types.ts";

/** Whom pilot says to trust beside the CA, PEM. */
export interface KnownAnchors {
  readonly roots: readonly string[];
  /** By trust domain; empty: all that is trusted vouches for everyone. */
  readonly trustDomains: ReadonlyMap<string, readonly string[]>;
}

const none: KnownAnchors = { roots: [], trustDomains: new Map() };

/**
 * MeshConfig.caCertificates as pilot sent them last. What is no certificate is refused: Envoy would take none of its roots
 * with it among them.
 */
export class PeerTrust {
  current: KnownAnchors = none;
  readonly #listeners = new Set<() => void>();

  readonly type: OwnType = {
    typeUrl: `type.googleapis.com/${TrustAnchorsSchema.typeName}`,
    received: ([message]) => this.#take(message),
  };

  /** Returns how to stop listening. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #take(message: Uint8Array | undefined): void {
    const next = message === undefined ? none : anchorsOf(message);
    for (const pem of [...next.roots, ...[...next.trustDomains.values()].flat()]) parseCertificates(pem);
    if (next === none && this.current === none) return;
    this.current = next;
    for (const listener of this.#listeners) listener();
  }
}

function anchorsOf(message: Uint8Array): KnownAnchors {
  const { rootsPem, trustDomains } = fromBinary(TrustAnchorsSchema, message);
  return {
    roots: rootsPem,
    trustDomains: new Map(trustDomains.map((each) => [each.trustDomain, each.rootsPem])),
  };
}
