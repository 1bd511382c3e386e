/**
 * For tests of code that talks to Kubernetes: a real API server with its own etcd, and a small fake one for what a
 * real one cannot be made to do on demand (expired pages, closed watches).
 */
export { startApiServer } from "./api-server.ts";
export type { ApiServer } from "./api-server.ts";
export { FakeApiServer } from "./fake-api-server.ts";
