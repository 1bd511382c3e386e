import { isLoopback } from "@lateen/model";
import type { WorkloadIdentity } from "@lateen/pki";
import { RpcCode, RpcError } from "@lateen/rpc";
import type { ConnectedProxy } from "@lateen/xds-server";
import type { AuthenticateToken } from "../proxies/admission.ts";
import { isLocalPeer } from "../proxies/connected-node.ts";
import type { Access } from "./context.ts";

export interface DebugAccessOptions {
  /** False: whoever reaches the port sees everything, Istio's `ENABLE_DEBUG_ENDPOINT_AUTH=false`. */
  readonly required: boolean;
  /** Namespaces whose identities see everything: the system's and those the operator names. */
  readonly namespaces: readonly string[];
  readonly authenticateToken: AuthenticateToken | undefined;
  /** Who is at the other end of a stream, by certificate or token. */
  readonly prove: (asker: ConnectedProxy) => Promise<WorkloadIdentity | undefined>;
}

/**
 * Who sees what, as in Istio: whoever comes from this very host (as `kubectl port-forward` does) and identities of the
 * system namespace see everything, other identities the proxies of their own namespace, anyone else nothing.
 */
export class DebugAccess {
  readonly #options: DebugAccessOptions;

  constructor(options: DebugAccessOptions) {
    this.#options = options;
  }

  /** Undefined: nothing may be seen. `authorization` is the header's value. */
  async ofRequest(address: string, authorization: string | undefined): Promise<Access | undefined> {
    if (!this.#options.required || isLoopback(address.replace(/^::ffff:/, ""))) return {};
    const [, token] = /^Bearer (\S+)$/i.exec(authorization ?? "") ?? [];
    return token === undefined ? undefined : this.#of(await this.#options.authenticateToken?.(token));
  }

  async ofStream(asker: ConnectedProxy): Promise<Access | undefined> {
    const { required, prove } = this.#options;
    return !required || isLocalPeer(asker) ? {} : this.#of(await prove(asker));
  }

  #of(identity: WorkloadIdentity | undefined): Access | undefined {
    if (identity === undefined) return undefined;
    return this.#options.namespaces.includes(identity.namespace) ? {} : { namespace: identity.namespace };
  }
}

export function demand(access: Access | undefined): Access {
  if (access !== undefined) return access;
  throw new RpcError(
    RpcCode.UNAUTHENTICATED,
    "who asks about the control plane must prove who they are: by certificate or service account token, on the TLS port",
  );
}
