import assert from "node:assert/strict";
import { test } from "node:test";
import { formatSpiffeId, parseSpiffeId } from "./index.ts";

test("format and parse are each other's inverse", () => {
  const identity = { trustDomain: "td.example", namespace: "a-b", serviceAccount: "c.d" };
  assert.equal(formatSpiffeId(identity), "spiffe://td.example/ns/a-b/sa/c.d");
  assert.deepEqual(parseSpiffeId(formatSpiffeId(identity)), identity);
  assert.equal(formatSpiffeId({ ...identity, trustDomain: "me@host" }), "spiffe://me.host/ns/a-b/sa/c.d");
});

const notIds = [
  "",
  "spiffe://td",
  "spiffe://td/ns/a",
  "spiffe://td/ns/a/sa/",
  "spiffe://td/ns//sa/b",
  "spiffe://td/ns/a/sa/b/c",
  "https://td/ns/a/sa/b",
  "spiffe://td/ns/../sa/b",
  "spiffe://td/ns/a/sa/..",
  "spiffe://t d/ns/a/sa/b",
  " spiffe://td/ns/a/sa/b",
  "spiffe://td/ns/a/sa/b\n",
];
for (const text of notIds) {
  test(`not an id: ${JSON.stringify(text)}`, () => assert.equal(parseSpiffeId(text), undefined));
}

test("a part that would change the structure is refused by name", () => {
  assert.throws(
    () => formatSpiffeId({ trustDomain: "td", namespace: "a/sa/root", serviceAccount: "x" }),
    /namespace "a\/sa\/root"/,
  );
  assert.throws(() => formatSpiffeId({ trustDomain: "td", namespace: "a", serviceAccount: "" }), /serviceAccount/);
});
