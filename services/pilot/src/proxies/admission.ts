import type { ProxyNode } from "@lateen/model";
import type { WorkloadIdentity } from "@lateen/pki";
import { RpcCode, RpcError } from "@lateen/rpc";
import type { ConnectedProxy } from "@lateen/xds-server";
import { certificateIdentity, nodeOf } from "./connected-node.ts";

/** Whose a bearer token is; undefined for a token that proves nothing. */
export type AuthenticateToken = (token: string) => Promise<WorkloadIdentity | undefined>;

export interface AdmissionOptions {
  /** Trust domains whose identities may be used here. */
  readonly trustDomains: () => readonly string[];
  readonly authenticateToken?: AuthenticateToken | undefined;
}

/**
 * Decides who may be which proxy. Over TLS a caller proves who it is, by certificate or token, and may only be a
 * proxy of its own namespace and service account. The plaintext port believes the node, as Istio's does.
 */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #verified = new WeakMap<ConnectedProxy, WorkloadIdentity>();

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Throws RpcError, with what is wrong and what would be right. */
  async admit(proxy: ConnectedProxy): Promise<void> {
    const node = nodeOf(proxy);
    if (!proxy.secure) return;
    const identity = certificateIdentity(proxy) ?? (await this.#tokenIdentity(proxy));
    if (identity === undefined) {
      throw new RpcError(
        RpcCode.UNAUTHENTICATED,
        "this port needs a client certificate of the mesh or a service account token; the plaintext port needs neither",
      );
    }
    this.#check(identity, node);
    this.#verified.set(proxy, identity);
  }

  /** The proven identity; undefined for a proxy on the plaintext port. */
  identityOf(proxy: ConnectedProxy): WorkloadIdentity | undefined {
    return this.#verified.get(proxy);
  }

  /** Who is at the other end, whatever its node says: only of a trust domain of this mesh, else undefined. */
  async prove(proxy: ConnectedProxy): Promise<WorkloadIdentity | undefined> {
    if (!proxy.secure) return undefined;
    const identity = certificateIdentity(proxy) ?? (await this.#tokenIdentity(proxy));
    return identity !== undefined && this.#options.trustDomains().includes(identity.trustDomain) ? identity : undefined;
  }

  async #tokenIdentity(proxy: ConnectedProxy): Promise<WorkloadIdentity | undefined> {
    const [, token] = /^Bearer (\S+)$/i.exec(proxy.metadata.get("authorization") ?? "") ?? [];
    return token === undefined ? undefined : await this.#options.authenticateToken?.(token);
  }

  #check(identity: WorkloadIdentity, node: ProxyNode): void {
    const refuse = (field: string, proven: string, claimed: string): never => {
      throw new RpcError(
        RpcCode.PERMISSION_DENIED,
        `${field} of node ${node.id} is "${claimed}", but the caller proved "${proven}"`,
      );
    };
    const trustDomains = this.#options.trustDomains();
    if (!trustDomains.includes(identity.trustDomain))
      refuse("trust domain", identity.trustDomain, trustDomains.join(", "));
    if (identity.namespace !== node.namespace) refuse("namespace", identity.namespace, node.namespace);
    if (node.serviceAccount !== "" && identity.serviceAccount !== node.serviceAccount) {
      refuse("service account", identity.serviceAccount, node.serviceAccount);
    }
  }
}
