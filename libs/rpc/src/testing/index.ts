/**
 * For tests of and with RPC; never imported by what is shipped.
 *
 * Owns: a throw-away certificate authority and a plaintext server on a free port.
 */
export { createTestAuthority } from "./certificates.ts";
export type { TestAuthority } from "./certificates.ts";
export { startServer } from "./servers.ts";
export type { TestServer } from "./servers.ts";
