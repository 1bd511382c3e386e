import { once } from "node:events";
import { connect } from "node:net";
import { Worker } from "node:worker_threads";

/** Listens with the smallest queue and never accepts: its thread sleeps as soon as the socket is there. */
const sleeper = `
const { createServer } = require("node:net");
const { parentPort, workerData } = require("node:worker_threads");
const server = createServer();
server.listen({ ...workerData, backlog: 1 }, () => {
  parentPort.postMessage("listening");
  setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
});`;

/** A place where connections hang as in a black hole: the kernel drops what its full queue cannot hold. */
export async function fullSocket(host: string, port: number): Promise<AsyncDisposable> {
  const worker = new Worker(sleeper, { eval: true, workerData: { host, port } });
  await once(worker, "message");
  const fillers = Array.from({ length: 8 }, () => connect({ host, port }).on("error", () => undefined));
  await Promise.race([...fillers.map((filler) => once(filler, "connect"))]);
  return {
    async [Symbol.asyncDispose]() {
      for (const filler of fillers) filler.destroy();
      await worker.terminate();
    },
  };
}
