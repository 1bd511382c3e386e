/** A gRPC client that finds its servers by xDS: makes the calls its parent orders, a line each, and reports, a line each. */
import { createInterface } from "node:readline";
import { credentials, makeClientConstructor, Metadata, status } from "@grpc/grpc-js";
import type { Client, ServiceError } from "@grpc/grpc-js";
import { register, XdsChannelCredentials } from "@grpc/grpc-js-xds";
import { type CallOrder, type CallReport, type EchoAnswer, echoService } from "./protocol.ts";

register();

const clients = new Map<string, Client>();

function clientOf(target: string): Client {
  const known = clients.get(target);
  if (known !== undefined) return known;
  const Echo = makeClientConstructor(echoService, "echo.Echo");
  const made = new Echo(`xds:///${target}`, new XdsChannelCredentials(credentials.createInsecure()));
  clients.set(target, made);
  return made;
}

function callOnce({ target, headers = {}, timeoutMs = 20_000 }: CallOrder): Promise<EchoAnswer> {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(headers)) metadata.set(key, value);
  const { path, requestSerialize, responseDeserialize } = echoService.call;
  return new Promise((resolve, reject) => {
    clientOf(target).makeUnaryRequest(
      path,
      requestSerialize,
      (bytes) => responseDeserialize(bytes) as EchoAnswer,
      {},
      metadata,
      { deadline: Date.now() + timeoutMs },
      (error, answer) => (error === null && answer !== undefined ? resolve(answer) : reject(error)),
    );
  });
}

async function run(order: CallOrder): Promise<CallReport> {
  const answers: Record<string, number> = {};
  const errors: Record<string, number> = {};
  let detail = "";
  for (let n = 0; n < order.count; n += 1) {
    try {
      const { name } = await callOnce(order);
      answers[name] = (answers[name] ?? 0) + 1;
    } catch (error) {
      const { code, details } = error as ServiceError;
      errors[status[code] ?? "?"] = (errors[status[code] ?? "?"] ?? 0) + 1;
      detail = details;
    }
  }
  return { answers, errors, detail };
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await run(JSON.parse(line) as CallOrder)));
}
