/**
 * For tests of and with the mesh store; never imported by what is shipped.
 *
 * Owns: the contract of `MeshStore` as a test suite, a real nats-server on a free port (found by `NATS_SERVER`), and
 * small entries and watchers. A fake store is not needed: `createMemoryStore` is one.
 */
export type { StoreUnderTest } from "./contract.ts";
export { meshStoreContract } from "./contract.ts";
export { configEntry, generationOf } from "./entries.ts";
export type { NatsServerOptions } from "./nats-server.ts";
export { NatsServer } from "./nats-server.ts";
export { Watcher } from "./watcher.ts";
