import type { Workload } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import { type Peer, peerOfWorkload } from "./peer.ts";

interface Indexed {
  readonly peer: Peer;
  readonly addresses: readonly string[];
  readonly account: string;
}

/** Workloads by address and by service account. */
export class WorkloadIndex {
  readonly #byKey = new Map<string, Indexed>();
  readonly #keyByAddress = new Map<string, string>();
  readonly #keysByAccount = new Map<string, Set<string>>();

  get size(): number {
    return this.#byKey.size;
  }

  put(key: string, workload: Workload): void {
    this.delete(key);
    const account = `${workload.namespace}/${workload.serviceAccount}`;
    this.#byKey.set(key, { peer: peerOfWorkload(workload), addresses: workload.addresses, account });
    for (const address of workload.addresses) this.#keyByAddress.set(address, key);
    const sharing = this.#keysByAccount.get(account) ?? new Set();
    this.#keysByAccount.set(account, sharing.add(key));
  }

  delete(key: string): void {
    const indexed = this.#byKey.get(key);
    if (indexed === undefined) return;
    this.#byKey.delete(key);
    for (const address of indexed.addresses)
      if (this.#keyByAddress.get(address) === key) this.#keyByAddress.delete(address);
    const sharing = this.#keysByAccount.get(indexed.account);
    sharing?.delete(key);
    if (sharing?.size === 0) this.#keysByAccount.delete(indexed.account);
  }

  atAddress(address: string): Peer | undefined {
    return this.#byKey.get(this.#keyByAddress.get(address) ?? "")?.peer;
  }

  /** The workload that a SPIFFE id names, if the service account is used by just one. */
  ofPrincipal(spiffeId: string): Peer | undefined {
    const [, namespace, account] = /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(spiffeId) ?? [];
    const peers = [...(this.#keysByAccount.get(`${namespace}/${account}`) ?? [])].map(
      (key) => this.#byKey.get(key)?.peer,
    );
    const [first] = peers;
    return peers.every(
      (peer) => peer?.workload === first?.workload && peer?.canonicalRevision === first?.canonicalRevision,
    )
      ? first
      : undefined;
  }
}
