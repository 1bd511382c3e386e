import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isIp, isIpv4, isIpv6, isLoopback, parseCidr, cidrContains, cidrsOverlap } from "./address.ts";

test("what fast-check calls an address is one", () => {
  fc.assert(fc.property(fc.ipV4(), (address) => assert.ok(isIpv4(address), address)));
  fc.assert(fc.property(fc.ipV6(), (address) => assert.ok(isIpv6(address), address)));
});

test("what only looks like an address is none", () => {
  for (const text of [
    "",
    "1.2.3",
    "1.2.3.256",
    "01.2.3.4",
    "::1::",
    "1:2:3:4:5:6:7:8:9",
    "g::1",
    "reviews",
    "1.2.3.4.5",
  ])
    assert.equal(isIp(text), false, text);
});

test("ranges are read with and without a length", () => {
  assert.deepEqual(parseCidr("10.0.0.0/8"), { address: "10.0.0.0", length: 8 });
  assert.deepEqual(parseCidr("10.0.0.1"), { address: "10.0.0.1", length: 32 });
  assert.deepEqual(parseCidr("::1"), { address: "::1", length: 128 });
  for (const text of ["10.0.0.0/33", "10.0.0.0/", "/8", "ten/8"]) assert.equal(parseCidr(text), undefined, text);
});

test("loopback is all of 127.0.0.0/8", () => {
  assert.ok(isLoopback("127.0.0.2") && isLoopback("::1"));
  assert.equal(isLoopback("128.0.0.1"), false);
});

test("ranges hold addresses of their own family", () => {
  const within = (range: string, address: string): boolean => {
    const cidr = parseCidr(range);
    assert.ok(cidr);
    return cidrContains(cidr, address);
  };
  assert.ok(within("10.1.0.0/16", "10.1.255.3"));
  assert.ok(!within("10.1.0.0/16", "10.2.0.1"));
  assert.ok(within("0.0.0.0/0", "192.0.2.1"));
  assert.ok(!within("0.0.0.0/0", "::1"));
  assert.ok(within("2001:db8::/32", "2001:db8:ffff::1"));
  assert.ok(!within("2001:db8::/32", "2001:db9::1"));
  assert.ok(within("::ffff:10.0.0.0/104", "::ffff:10.200.0.1"));
});

test("ranges overlap when one begins in the other", () => {
  const overlap = (left: string, right: string): boolean => {
    const [first, second] = [parseCidr(left), parseCidr(right)];
    assert.ok(first && second);
    assert.equal(cidrsOverlap(first, second), cidrsOverlap(second, first));
    return cidrsOverlap(first, second);
  };
  assert.ok(overlap("10.0.0.0/8", "10.7.0.0/16"));
  assert.ok(!overlap("10.0.0.0/16", "10.1.0.0/16"));
});
