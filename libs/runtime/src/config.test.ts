import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import * as z from "zod";
import { ConfigError, createRegistry, Health, loadConfig, Secret, settings } from "./index.ts";

const schema = z.object({
  PORT: settings.port(15010),
  TRUST_DOMAIN: z.string({ error: "is required" }),
  VERBOSE: settings.flag(false),
  SERVERS: settings.list(["a"]),
  API_TOKEN: z.string().regex(/^t-/, "must begin with t-").optional(),
});

test("fills defaults, reads words, and takes an empty variable as unset", () => {
  assert.deepEqual(loadConfig(schema, { TRUST_DOMAIN: "td", PORT: "", VERBOSE: "yes", SERVERS: "x, y,", OTHER: "1" }), {
    PORT: 15010,
    TRUST_DOMAIN: "td",
    VERBOSE: true,
    SERVERS: ["x", "y"],
  });
});

test("names every bad variable in one error, without the value of a secret", () => {
  assert.throws(
    () => loadConfig(schema, { PORT: "99999", VERBOSE: "perhaps", API_TOKEN: "s3cret" }),
    (error: unknown) => {
      assert.ok(error instanceof ConfigError);
      assert.deepEqual([...error.variables].sort(), ["API_TOKEN", "PORT", "TRUST_DOMAIN", "VERBOSE"]);
      assert.match(error.message, /TRUST_DOMAIN: is required \(not set\)/);
      assert.match(error.message, /PORT: .*\(is "99999"\)/);
      assert.match(error.message, /VERBOSE: must be true or false \(is "perhaps"\)/);
      assert.doesNotMatch(error.message, /s3cret/);
      return true;
    },
  );
});

test("a secret shows itself to nobody who does not ask", () => {
  const secret = new Secret("key");
  assert.equal(
    `${secret} ${JSON.stringify({ secret })} ${inspect(secret)}`,
    '[redacted] {"secret":"[redacted]"} [redacted]',
  );
  assert.equal(secret.reveal(), "key");
});

test("a check that throws is not ready, and draining makes all red for good", () => {
  const health = new Health([
    {
      name: "bad",
      check: () => {
        throw new Error("no");
      },
    },
  ]);
  assert.deepEqual(
    health.run().map((check) => check.ready),
    [true, false],
  );
  health.startDraining();
  assert.deepEqual(health.run()[0], { name: "lifecycle", ready: false, detail: "draining" });
});

test("registries of one process do not collide", async () => {
  const [first, second] = [createRegistry("a"), createRegistry("b")];
  assert.match(await first.metrics(), /service="a"/);
  assert.doesNotMatch(await second.metrics(), /service="a"/);
});
