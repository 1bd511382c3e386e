/** A gRPC server that gets its listener by xDS: `server-program.ts <name> <address:port>`. Tells its parent when it serves. */
import { ServerCredentials } from "@grpc/grpc-js";
import type { handleUnaryCall } from "@grpc/grpc-js";
import { register, XdsServer, XdsServerCredentials } from "@grpc/grpc-js-xds";
import { type EchoAnswer, echoService } from "./protocol.ts";

// Servers need it as well: it makes the filters known that a listener may have.
register();

const [name = "", address = ""] = process.argv.slice(2);
const call: handleUnaryCall<unknown, EchoAnswer> = (_request, done) => done(null, { name });
const server = new XdsServer();
server.addService(echoService, { call });
server.bindAsync(address, new XdsServerCredentials(ServerCredentials.createInsecure()), (error) => {
  if (error !== null) throw error;
  console.log(JSON.stringify({ serving: address }));
});
