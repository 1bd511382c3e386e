import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { byHostSpecificity, hostCovers, hostsOverlap, mostSpecificMatch, resolveHost } from "./host.ts";

/** Few letters, so that names meet often. */
const name = fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."));
const pattern = fc.oneof(
  name,
  fc.constant("*"),
  name.map((suffix) => `*.${suffix}`),
);

/** What a wildcard means, spelled out character by character. */
function matches(rule: string, host: string): boolean {
  if (!rule.startsWith("*")) return rule === host;
  const suffix = rule.slice(1);
  for (let cut = 1; cut <= host.length; cut++) if (host.slice(cut) === suffix) return true;
  return false;
}

test("a wildcard matches exactly the names that end like it", () => {
  fc.assert(fc.property(pattern, name, (rule, host) => assert.equal(hostCovers(rule, host), matches(rule, host))));
});

test("the most specific of many patterns is what trying them all gives", () => {
  fc.assert(
    fc.property(fc.array(pattern), name, (rules, host) => {
      const specificity = (rule: string): number => (rule.startsWith("*") ? rule.length : 1_000 + rule.length);
      const best = Math.max(-1, ...rules.filter((rule) => matches(rule, host)).map(specificity));
      const found = mostSpecificMatch(rules, host);
      assert.equal(found === undefined ? -1 : specificity(found), best);
    }),
  );
});

test("a pattern that covers another matches everything the other does", () => {
  fc.assert(
    fc.property(pattern, pattern, name, (wide, narrow, host) => {
      if (hostCovers(wide, narrow) && matches(narrow, host)) assert.ok(matches(wide, host));
      if (matches(wide, host) && matches(narrow, host)) assert.ok(hostsOverlap(wide, narrow));
    }),
  );
});

test("order by specificity does not depend on the input's", () => {
  fc.assert(
    fc.property(fc.array(pattern), (rules) => {
      assert.deepEqual([...rules].reverse().sort(byHostSpecificity), [...rules].sort(byHostSpecificity));
    }),
  );
});

test("a name without a dot is a service of the rule's namespace", () => {
  assert.equal(resolveHost("Reviews", "shop", "cluster.local"), "reviews.shop.svc.cluster.local");
  assert.equal(resolveHost("reviews.stars", "shop", "cluster.local"), "reviews.stars");
  assert.equal(resolveHost("*.example.com", "shop", "cluster.local"), "*.example.com");
});
