import { create } from "@bufbuild/protobuf";
import { decodeObject, toConfigObject } from "@lateen/api";
import { giveAddresses } from "@lateen/model";
import { EntrySchema } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import type { Entry } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { GivenAddresses } from "./given-addresses.ts";

interface Written {
  readonly hosts?: readonly string[];
  readonly spec?: object;
  readonly labels?: object;
  readonly status?: object;
}

const keyOf = (name: string): string => `config.serviceentry.shop.${name}`;

function entryOf(name: string, { hosts = [`${name}.example.com`], spec, labels, status }: Written = {}): Entry {
  const decoded = decodeObject(
    {
      apiVersion: "networking.istio.io/v1",
      kind: "ServiceEntry",
      metadata: { name, namespace: "shop", ...(labels === undefined ? {} : { labels }) },
      spec: { hosts, ports: [{ number: 5432, name: "tcp", protocol: "TCP" }], resolution: "DNS", ...spec },
      status,
    },
    { origin: { kind: "ServiceEntry", namespace: "shop", name } },
  );
  assert.ok(decoded.ok);
  return create(EntrySchema, { value: { case: "config", value: toConfigObject(decoded.object) } });
}

function addressesIn(entry: Entry): readonly string[] {
  const state = entry.value.case === "config" ? entry.value.value.state : undefined;
  return state?.addresses.map(({ host, address }) => `${host} ${address}`) ?? [];
}

/** What a publisher does with `names`, in this order. */
function publish(book: GivenAddresses, names: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const entries = names.map((name) => [keyOf(name), entryOf(name)] as const);
  book.prepare(entries);
  return new Map(entries.map(([key, entry]) => [key, addressesIn(book.complete(key, entry))]));
}

test("every host gets one address of each family, and keeps it", () => {
  const book = new GivenAddresses();
  const spec = { resolution: "STATIC", endpoints: [{ address: "10.0.0.1" }] };
  const two = entryOf("a", { hosts: ["one.example.com", "*.wild.example.com", "Two.example.com"], spec });
  const first = addressesIn(book.complete(keyOf("a"), two));
  assert.deepEqual(
    first.map((each) => each.split(" ")[0]),
    ["one.example.com", "one.example.com", "two.example.com", "two.example.com"],
  );
  const grown = entryOf("a", { hosts: ["zero.example.com", "two.example.com", "one.example.com"] });
  const later = addressesIn(book.complete(keyOf("a"), grown));
  assert.deepEqual(
    first.every((each) => later.includes(each)),
    true,
  );
});

test("who has addresses, wants none or cannot use any is left alone", () => {
  const book = new GivenAddresses();
  const alone: readonly Written[] = [
    { spec: { addresses: ["10.0.0.1"] } },
    { spec: { resolution: "NONE" } },
    { labels: { "networking.istio.io/enable-autoallocate-ip": "false" } },
    { hosts: ["*.example.com"], spec: { resolution: "STATIC", endpoints: [{ address: "10.0.0.1" }] } },
  ];
  for (const [index, written] of alone.entries()) {
    const entry = entryOf(`a${index}`, written);
    assert.equal(book.complete(keyOf(`a${index}`), entry), entry);
  }
});

test("a status is taken at its word, and goes first", () => {
  const [wanted] = giveAddresses("shop/b", ["b.example.com"], new Set());
  assert.ok(wanted);
  const claimed = entryOf("a", { status: { addresses: [{ host: "a.example.com", value: wanted.address }] } });
  const book = new GivenAddresses();
  const other = entryOf("b");
  book.prepare([
    [keyOf("b"), other],
    [keyOf("a"), claimed],
  ]);
  assert.deepEqual(addressesIn(book.complete(keyOf("a"), claimed)), [`a.example.com ${wanted.address}`]);
  assert.ok(!addressesIn(book.complete(keyOf("b"), other)).includes(`b.example.com ${wanted.address}`));
});

test("nobody is given what a user took", () => {
  const [wanted] = giveAddresses("shop/b", ["b.example.com"], new Set());
  const book = new GivenAddresses();
  book.complete(keyOf("a"), entryOf("a", { spec: { addresses: [wanted?.address] } }));
  assert.ok(!addressesIn(book.complete(keyOf("b"), entryOf("b"))).includes(`b.example.com ${wanted?.address}`));
});

const names = fc.uniqueArray(
  fc.integer({ min: 0, max: 400 }).map((number) => `entry-${number}`),
  { minLength: 1, maxLength: 40 },
);

test("the order of a batch does not matter", () => {
  fc.assert(
    fc.property(names, fc.infiniteStream(fc.integer()), (all, order) => {
      const shuffled = [...all].map((name) => ({ name, rank: order.next().value ?? 0 }));
      shuffled.sort((left, right) => left.rank - right.rank);
      const one = publish(new GivenAddresses(), all);
      const two = publish(
        new GivenAddresses(),
        shuffled.map(({ name }) => name),
      );
      for (const [key, addresses] of one) assert.deepEqual(two.get(key), addresses);
    }),
    { numRuns: 30 },
  );
});

test("what others do moves nobody, a new writer neither, and no address is given twice", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), names), { maxLength: 6 }), (steps) => {
      let book = new GivenAddresses();
      const current = new Map<string, readonly string[]>();
      for (const [remove, some] of steps) {
        if (remove) {
          for (const name of some) if (current.delete(keyOf(name))) book.release(keyOf(name));
        } else {
          for (const [key, addresses] of publish(book, some)) {
            assert.deepEqual(current.get(key) ?? addresses, addresses);
            current.set(key, addresses);
          }
        }
        const held = [...current.values()].flat().map((each) => each.split(" ")[1]);
        assert.equal(new Set(held).size, held.length);
        const stored = [...current.keys()].map((key) => {
          const name = key.slice(keyOf("").length);
          return { key, revision: 1n, entry: book.complete(key, entryOf(name)) };
        });
        book = new GivenAddresses();
        book.restore(stored);
      }
    }),
    { numRuns: 40 },
  );
});
