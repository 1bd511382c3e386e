import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isIpv4, isIpv6 } from "./address.ts";
import { giveAddresses, isGivenAddress } from "./given-addresses.ts";

test("the same host gets the same addresses, one of each family, in Istio's ranges", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (owner, host) => {
      const given = giveAddresses(owner, [host], new Set());
      assert.deepEqual(given, giveAddresses(owner, [host], new Set()));
      const [v4 = "", v6 = ""] = given.map(({ address }) => address);
      assert.ok(isIpv4(v4) && v4.startsWith("240.240.") && isIpv6(v6) && v6.startsWith("2001:2:0:"));
      assert.ok(isGivenAddress(v4) && isGivenAddress(v6));
    }),
  );
});

test("nobody gets what another one has", () => {
  const taken = new Set<string>();
  for (let index = 0; index < 30_000; index++) {
    for (const { address } of giveAddresses("shop/entry", [`host-${index}.example.com`], taken)) {
      assert.equal(taken.has(address), false);
      taken.add(address);
    }
  }
  assert.equal(taken.size, 60_000);
});

test("a range that is used up gives nothing", () => {
  const full = { has: (address: string) => isIpv4(address) };
  const given = giveAddresses("shop/entry", ["a.example.com"], full);
  assert.equal(given.length, 1);
  assert.ok(isIpv6(given[0]?.address ?? ""));
});
