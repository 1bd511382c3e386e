/**
 * Runs inside a pod of the mesh: sends requests at a steady rate over kept-alive connections until the file `stop`
 * exists or `seconds` are over, then prints a LoadReport as JSON. Its argument is a LoadOrder as JSON.
 */
import { existsSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";

interface Order {
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly perSecond: number;
  readonly connections: number;
  readonly seconds: number;
  readonly stop: string;
}

const order = JSON.parse(process.argv.at(-1) ?? "{}") as Order;
const agent = new Agent({ keepAlive: true, maxSockets: order.connections });
const report = {
  sent: 0,
  ok: 0,
  bySample: {} as Record<string, number>,
  failures: [] as string[],
  failed: 0,
  slowestMs: 0,
  slowest: "",
};
const started = Date.now();

function send(): Promise<void> {
  const sentAt = Date.now();
  const phases: string[] = [];
  const phase = (name: string) => (): number => phases.push(`${name} after ${Date.now() - sentAt} ms`);
  report.sent += 1;
  return new Promise((done) => {
    const end = (problem: string | undefined): void => {
      const took = Date.now() - sentAt;
      if (took > report.slowestMs)
        Object.assign(report, {
          slowestMs: took,
          slowest: [...phases, `sent after ${((sentAt - started) / 1000).toFixed(1)} s`].join(", "),
        });
      if (problem === undefined) report.ok += 1;
      else {
        report.failed += 1;
        if (report.failures.length < 10)
          report.failures.push(`after ${((sentAt - started) / 1000).toFixed(1)} s: ${problem}`);
      }
      done();
    };
    const outgoing = request(order.url, { agent, headers: order.headers, timeout: 15_000 }, (response) => {
      phase("headers")();
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        body += chunk;
      });
      response.on("error", (error) => end(String(error)));
      response.on("end", () => {
        const sample = String(response.headers["x-sample"] ?? "none");
        report.bySample[sample] = (report.bySample[sample] ?? 0) + 1;
        end(response.statusCode === 200 ? undefined : `${response.statusCode} ${body.slice(0, 120)}`);
      });
    });
    outgoing.on("socket", (socket) => {
      if (!socket.connecting) return phases.push("kept-alive connection");
      socket.once("lookup", phase("name found"));
      return socket.once("connect", phase("connected"));
    });
    outgoing.on("timeout", () => outgoing.destroy(new Error("no answer within 15 s")));
    outgoing.on("error", (error) => end(String(error)));
    outgoing.end();
  });
}

const running = new Set<Promise<void>>();
while (Date.now() - started < order.seconds * 1000 && !existsSync(order.stop)) {
  const due = Math.floor(((Date.now() - started) / 1000) * order.perSecond) + 1;
  while (report.sent < due && running.size < order.connections) {
    const one = send().finally(() => running.delete(one));
    running.add(one);
  }
  await new Promise((resolve) => setTimeout(resolve, 5));
}
await Promise.all(running);
rmSync(order.stop, { force: true });
agent.destroy();
console.log(JSON.stringify({ ...report, seconds: (Date.now() - started) / 1000 }));
