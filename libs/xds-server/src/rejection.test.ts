import assert from "node:assert/strict";
import test from "node:test";
import { namedIn } from "./rejection.ts";
import { resource } from "./testing/resources.ts";
import { clusterType } from "./type-urls.ts";

const names = ["outbound|80||a", "outbound|80||a.b", "10.0.0.1_80", "80"];
const candidates = names.map((name) => resource(clusterType, name, "1"));
const cases = [
  ["one name", "Error adding/updating cluster(s) outbound|80||a: no such thing", ["outbound|80||a"]],
  ["two names", "Error: 10.0.0.1_80: x, outbound|80||a.b: y", ["outbound|80||a.b", "10.0.0.1_80"]],
  ["a name that contains others", "cluster outbound|80||a.b is bad", ["outbound|80||a.b"]],
  ["a short name by itself", "listener 80 is bad", ["80"]],
  ["no name", "Proto constraint validation failed", []],
] as const;

for (const [name, message, expected] of cases) {
  test(`resources named in ${name}`, () =>
    assert.deepEqual(
      namedIn(message, candidates).map((found) => found.name),
      expected,
    ));
}
