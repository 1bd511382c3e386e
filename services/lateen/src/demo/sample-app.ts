/**
 * One sample program, run as a process of its own: `node sample-app.ts NAME VERSION PORT`.
 * Answers every request with who it is and the caller's identity as Envoy verified it.
 */
import { createServer } from "node:http";

const [name = "", version = "", port = ""] = process.argv.slice(2);

const server = createServer((request, response) => {
  const client = request.headers["x-forwarded-client-cert"];
  response.setHeader("content-type", "application/json");
  response.end(`${JSON.stringify({ name, version, path: request.url, client })}\n`);
});
server.keepAliveTimeout = 60_000;
server.listen(Number(port), "127.0.0.1");
process.on("disconnect", () => process.exit(0)); // the demo ended, however it ended
process.on("SIGTERM", () => process.exit(0));
