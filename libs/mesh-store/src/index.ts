/**
 * The mesh store: all configuration and everything discovered, in one ordered log.
 *
 * Owns: the `MeshStore` interface, its in-process and NATS JetStream implementations, the keys, the encoding of
 * entries, and leases by compare-and-swap in the same store.
 * Never: what an entry means (libs/api decodes configuration); all that is NATS stays in `nats/`.
 * Next: `store.ts` is the contract; `testing/` is the contract as a test suite that both implementations pass.
 */
export { decodeEntry, encodeEntry, schemaVersion } from "./codec.ts";
export type { MeshStoreCode } from "./errors.ts";
export { MeshStoreError } from "./errors.ts";
export type { LeaseOptions } from "./lease.ts";
export { holdLease, Lease } from "./lease.ts";
export type { ParsedKey } from "./keys.ts";
export { keys } from "./keys.ts";
export { createMemoryStore } from "./memory-store.ts";
export type { Broadcast, NatsMeshStore } from "./nats/broadcast.ts";
export type { NatsCredentials, NatsTls, StoreLogger } from "./nats/connection.ts";
export { readerPermissions } from "./nats/permissions.ts";
export type { StoreEnvironment, StoreVariable } from "./nats/environment.ts";
export { natsOptionsFrom } from "./nats/environment.ts";
export type { NatsStoreOptions } from "./nats/nats-store.ts";
export { openNatsStore } from "./nats/nats-store.ts";
export type { MeshStore, SkippedEntry, StoreBatch, StoreChange, StoredEntry } from "./store.ts";
