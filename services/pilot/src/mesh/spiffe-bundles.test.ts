import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import { createRootCa } from "@lateen/pki";
import { silentLogger } from "@lateen/runtime";
import { readBundle, SpiffeBundles } from "./spiffe-bundles.ts";
import type { Bundle } from "./spiffe-bundles.ts";

const root = (await createRootCa({ organization: "tests" })).rootsPem;
const x5c = [new X509Certificate(root).raw.toString("base64")];

test("a bundle's authorities are its x509-svid keys", () => {
  const document = {
    keys: [
      { use: "jwt-svid", kty: "EC" },
      { use: "x509-svid", x5c },
    ],
    spiffe_refresh_hint: 600,
  };
  assert.deepEqual(readBundle(document), { roots: [new X509Certificate(root).toString()], refreshMs: 600_000 });
  for (const bad of [undefined, {}, { keys: [{ use: "jwt-svid" }] }, { keys: [{ use: "x509-svid", x5c: ["AAAA"] }] }])
    assert.throws(() => readBundle(bad));
});

test("the last good bundle stays while another cannot be fetched", async () => {
  const answers: (Bundle | Error)[] = [{ roots: ["one"] }, new Error("away"), { roots: ["two"] }];
  let changes = 0;
  const seen: string[] = [];
  const bundles = new SpiffeBundles({
    logger: silentLogger(),
    onChange: () => changes++,
    ...{ minMs: 5, maxMs: 5, retryMs: 5 },
    fetchBundle: async () => {
      seen.push(bundles.fetched.get("https://a")?.join() ?? "");
      const answer = answers.shift() ?? { roots: ["two"] };
      if (answer instanceof Error) throw answer;
      return answer;
    },
  });
  assert.equal(bundles.want(["https://a"]), false);
  while (seen.length < 5) await sleep(2);
  assert.deepEqual(seen.slice(0, 4), ["", "one", "one", "two"]);
  assert.equal(changes, 2, "the first answer, and the other bundle");
  assert.equal(bundles.want(["https://a"]), true);
  assert.equal(bundles.want([]), true);
  assert.equal(bundles.fetched.size, 0);
  bundles.stop();
});
