import assert from "node:assert/strict";
import { test } from "node:test";
import { parseLabels } from "./pod-labels.ts";

test("labels are read as the downward API writes them", () => {
  const text = 'app="reviews"\nversion="v1"\nservice.istio.io/canonical-name="reviews"\nodd="a=\\"b\\""\n';
  assert.deepEqual(parseLabels(text), {
    app: "reviews",
    version: "v1",
    "service.istio.io/canonical-name": "reviews",
    odd: 'a="b"',
  });
  assert.deepEqual(parseLabels(""), {});
});
