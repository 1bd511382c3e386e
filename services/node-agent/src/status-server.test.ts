import assert from "node:assert/strict";
import { test } from "node:test";
import { isLoopback } from "./status-server.ts";

const cases = [
  { address: "127.0.0.1", expected: true },
  { address: "127.9.8.7", expected: true },
  { address: "::1", expected: true },
  { address: "::ffff:127.0.0.1", expected: true },
  { address: "10.0.0.127", expected: false },
  { address: "::ffff:10.0.0.1", expected: false },
  { address: "fd00::127.0.0.1", expected: false },
  { address: undefined, expected: false },
];
for (const { address, expected } of cases)
  test(`${address} may ${expected ? "" : "not "}stop the agent`, () => assert.equal(isLoopback(address), expected));
