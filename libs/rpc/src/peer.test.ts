import assert from "node:assert/strict";
import test from "node:test";
import { uriNames } from "./peer.ts";

const cases = [
  ["a single URI", "URI:spiffe://cluster.local/ns/a/sa/b", ["spiffe://cluster.local/ns/a/sa/b"]],
  ["a URI among DNS names", "DNS:a.b, URI:spiffe://td/x, IP Address:10.0.0.1", ["spiffe://td/x"]],
  ["two URIs", "URI:spiffe://td/x, URI:spiffe://td/y", ["spiffe://td/x", "spiffe://td/y"]],
  ["a quoted name that imitates a URI", 'DNS:"a, URI:spiffe://td/admin"', []],
  ["a quoted name with an escaped quote", 'DNS:"a\\", URI:spiffe://td/admin", URI:spiffe://td/x', ["spiffe://td/x"]],
  ["a quoted URI", 'URI:"spiffe://td/x, URI:spiffe://td/y"', []],
  ["nothing", "", []],
] as const;

for (const [name, text, expected] of cases) {
  test(`URI names of ${name}`, () => assert.deepEqual(uriNames(text), expected));
}
