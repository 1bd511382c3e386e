import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { NameTableSchema } from "@lateen/protos/istio/networking/nds/v1/name_table_pb.js";
import { decode, encode } from "dns-packet";
import type { Packet, RecordType } from "dns-packet";
import { framed, Frames } from "./frames.ts";
import { Names } from "./names.ts";
import { createDnsProxy } from "./proxy.ts";
import { readResolvConf } from "./resolv-conf.ts";
import { ask } from "../testing/dns-client.ts";

const many = Array.from({ length: 60 }, (_, index) => `10.1.0.${index + 1}`);
const kubernetes = (name: string, namespace: string, ips: string[]) => ({
  registry: "Kubernetes",
  shortname: name,
  namespace,
  ips,
});
const table = create(NameTableSchema, {
  table: {
    "reviews.shop.svc.cluster.local": kubernetes("reviews", "shop", ["10.96.0.1"]),
    "orders.data.svc.cluster.local": kubernetes("orders", "data", ["10.96.0.2", "fd00::2"]),
    "mysql-0.mysql.data.svc.cluster.local": kubernetes("mysql-0.mysql", "data", ["10.244.0.1"]),
    "api.example.com": { registry: "External", ips: ["240.240.0.1", "2001:2::1"] },
    "*.wild.example.com": { registry: "External", ips: ["240.240.0.2"] },
    "many.example.com": { registry: "External", ips: many },
  },
});
const surroundings = {
  namespace: "shop",
  dnsDomain: "shop.svc.cluster.local",
  search: ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local", "corp.example.org"],
};

test("names are found in full, in short, under search domains and under wildcards", () => {
  const names = new Names(table, surroundings);
  const v4 = (name: string): readonly string[] | undefined => names.find(name)?.v4;
  for (const name of ["reviews", "reviews.shop", "reviews.shop.svc", "reviews.shop.svc.cluster.local"])
    assert.deepEqual(v4(name), ["10.96.0.1"], name);
  assert.equal(v4("orders"), undefined, "of another namespace");
  assert.deepEqual(v4("orders.data"), ["10.96.0.2"]);
  assert.deepEqual(v4("mysql-0.mysql.data"), ["10.244.0.1"]);
  assert.deepEqual(v4("a.b.wild.example.com"), ["240.240.0.2"]);
  assert.equal(v4("wild.example.com"), undefined);
  const expanded = names.find("api.example.com.corp.example.org");
  assert.deepEqual([expanded?.canonical, expanded?.v4], ["api.example.com", ["240.240.0.1"]]);
});

test("resolv.conf is read as resolvers do", () => {
  const text = "# ours\nsearch a.example b.example\nnameserver 10.0.0.10\nnameserver nonsense\noptions ndots:5\n";
  assert.deepEqual(readResolvConf(text), {
    servers: [{ host: "10.0.0.10", port: 53 }],
    search: ["a.example", "b.example"],
  });
});

/** A port that is free for UDP may not be for TCP. */
async function samePort() {
  for (;;) {
    const socket = createSocket("udp4").bind(0, "127.0.0.1");
    await once(socket, "listening");
    const { port } = socket.address();
    const server = createServer().listen(port, "127.0.0.1");
    try {
      await once(server, "listening");
      return { socket, server, port };
    } catch {
      socket.close();
    }
  }
}

/** A resolver that knows one name, and says of every other that there is none. */
async function fakeUpstream() {
  const answerTo = (bytes: Buffer): Buffer => {
    const { id = 0, questions = [] } = decode(bytes);
    const known = questions[0]?.name === "outside.example.net";
    const answer: Packet = {
      type: "response",
      id,
      flags: known ? 0 : 3,
      questions,
      answers: known ? [{ type: "A", name: "outside.example.net", ttl: 5, data: "192.0.2.1" }] : [],
    };
    return encode(answer);
  };
  const { socket, server, port } = await samePort();
  socket.on("message", (bytes, from) => socket.send(answerTo(bytes), from.port, from.address));
  server.on("connection", (connection) => {
    const frames = new Frames();
    connection.on("data", (chunk) => {
      for (const message of frames.push(chunk)) connection.write(framed(answerTo(message)));
    });
  });
  return {
    address: `127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      socket.close();
      server.close();
      await once(server, "close");
    },
  };
}

async function startProxy(upstream: string) {
  const port = await freePort();
  const forwarded: boolean[] = [];
  const proxy = await createDnsProxy({
    address: `127.0.0.1:${port}`,
    resolvConf: "/dev/null",
    servers: [upstream],
    ...surroundings,
    observer: { requested: () => undefined, forwarded: (_seconds, answered) => forwarded.push(answered) },
  });
  const close = await proxy.server.start(new AbortController().signal);
  return { proxy, forwarded, address: { host: "127.0.0.1", port }, [Symbol.asyncDispose]: async () => close?.() };
}

async function freePort(): Promise<number> {
  const { socket, server, port } = await samePort();
  socket.close();
  server.close();
  await once(server, "close");
  return port;
}

for (const transport of ["udp", "tcp"] as const) {
  test(`queries are answered over ${transport}, from the table or from upstream`, async () => {
    await using upstream = await fakeUpstream();
    await using running = await startProxy(upstream.address);
    const { proxy, address } = running;
    const query = (name: string, type: RecordType = "A") => ask(address, { name, type, transport });
    assert.equal((await query("reviews")).rcode, "SERVFAIL", "before the names are known");
    assert.equal(proxy.check.check().ready, false);
    proxy.nameTable.received([toBinary(NameTableSchema, table)]);
    assert.equal(proxy.check.check().ready, true);
    assert.deepEqual(await query("REVIEWS.shop"), { rcode: "NOERROR", answers: ["A 10.96.0.1"], truncated: false });
    assert.deepEqual((await query("orders.data", "AAAA")).answers, ["AAAA fd00::2"]);
    assert.deepEqual(await query("reviews", "AAAA"), { rcode: "NOERROR", answers: [], truncated: false });
    assert.deepEqual((await query("outside.example.net")).answers, ["A 192.0.2.1"]);
    assert.equal((await query("nobody.example.net")).rcode, "NXDOMAIN");
    assert.equal((await query("reviews", "TXT")).rcode, "NXDOMAIN", "only addresses are ours");
    assert.deepEqual(running.forwarded, [true, true, true]);
  });
}

test("what does not fit is cut off over UDP, unless the client takes more, and whole over TCP", async () => {
  await using upstream = await fakeUpstream();
  await using running = await startProxy(upstream.address);
  running.proxy.nameTable.received([toBinary(NameTableSchema, table)]);
  const query = { name: "many.example.com", type: "A" } as const;
  const small = await ask(running.address, { ...query, transport: "udp" });
  assert.deepEqual([small.truncated, small.answers], [true, []]);
  const large = await ask(running.address, { ...query, transport: "udp", udpBytes: 4_096 });
  assert.deepEqual([large.truncated, large.answers.length], [false, many.length]);
  const whole = await ask(running.address, { ...query, transport: "tcp" });
  assert.deepEqual([...whole.answers].sort(), many.map((address) => `A ${address}`).sort());
});

test("without a resolver that answers the client is told soon", async () => {
  const silent = createSocket("udp4");
  silent.bind(0, "127.0.0.1");
  await once(silent, "listening");
  await using running = await startProxy(`127.0.0.1:${silent.address().port}`);
  running.proxy.nameTable.received([toBinary(NameTableSchema, table)]);
  const { rcode } = await ask(running.address, { name: "nobody.example.net", type: "A", transport: "udp" });
  silent.close();
  assert.equal(rcode, "SERVFAIL");
  assert.deepEqual(running.forwarded, [false]);
});
