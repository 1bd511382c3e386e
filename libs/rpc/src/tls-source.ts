import { createSecureContext } from "node:tls";
import type { experimental } from "@grpc/grpc-js";

/** What a TLS listener shows and whom it trusts. Roots may be several certificates in one text. */
export interface TlsMaterial {
  readonly certificateChainPem: string;
  readonly privateKeyPem: string;
  readonly rootsPem: string;
}

/**
 * Certificates that change while a listener runs: connections made after `update` use the new ones, older
 * connections stay. A listener whose source is still empty closes every connection.
 */
export class TlsSource {
  #current: TlsMaterial | undefined;
  readonly #listeners = new Set<(material: TlsMaterial) => void>();

  constructor(initial?: TlsMaterial) {
    if (initial !== undefined) this.update(initial);
  }

  get current(): TlsMaterial | undefined {
    return this.#current;
  }

  /** Throws, and keeps the old material, when the new does not form a usable pair. */
  update(material: TlsMaterial): void {
    createSecureContext({ cert: material.certificateChainPem, key: material.privateKeyPem, ca: material.rootsPem });
    this.#current = material;
    for (const listener of this.#listeners) listener(material);
  }

  /** Called on every later change; returns the way to stop. */
  onChange(listener: (material: TlsMaterial) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** The source as grpc-js wants it: one object that provides both the identity and the roots. */
export function certificateProvider(source: TlsSource): experimental.CertificateProvider {
  const stops = new Map<unknown, () => void>();
  const follow = (key: unknown, tell: (material: TlsMaterial) => void): void => {
    stops.set(key, source.onChange(tell));
    // Not at once: grpc-js asks for the listeners before it has registered the server that they update.
    queueMicrotask(() => {
      if (stops.has(key) && source.current !== undefined) tell(source.current);
    });
  };
  const stop = (key: unknown): void => {
    stops.get(key)?.();
    stops.delete(key);
  };
  return {
    addCaCertificateListener: (listener) =>
      follow(listener, ({ rootsPem }) => listener({ caCertificate: Buffer.from(rootsPem) })),
    addIdentityCertificateListener: (listener) =>
      follow(listener, ({ certificateChainPem, privateKeyPem }) =>
        listener({ certificate: Buffer.from(certificateChainPem), privateKey: Buffer.from(privateKeyPem) }),
      ),
    removeCaCertificateListener: stop,
    removeIdentityCertificateListener: stop,
  };
}
