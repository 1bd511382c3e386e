import assert from "node:assert/strict";
import { test } from "node:test";
import { expressionProblem } from "./expression.ts";

const good = [
  "response.code >= 400",
  'has(request.headers.x) && !(request.headers["x"] in ["a", \'b\'])',
  "a ? b : c ? d : e",
  "--1.5e3 + 0x1Fu - .5",
  "{'a': 1,}.b + m.n{a: [1,]}.c",
  'x.exists(e, e > 1) || r"\\d" == """a\nb""" // why',
  "true && .a.b(c)[0].d",
];
const bad = {
  "": "it ends too early",
  "a b": 'unexpected "b" at 3',
  "response.code >=": "it ends too early",
  "f(1,)": 'unexpected ")" at 5',
  "1.2.3": 'unexpected ".3" at 4',
  "a = b": 'unexpected "=" at 3',
  "x.in": 'unexpected "in" at 3',
  "(a": "it ends too early",
  "'a": 'unexpected "\'" at 1',
  "!-a": 'unexpected "-" at 2',
};

test("expressions of CEL", () => {
  for (const text of good) assert.equal(expressionProblem(text), undefined, text);
});

test("what is none", () => {
  for (const [text, problem] of Object.entries(bad)) assert.equal(expressionProblem(text), problem, text);
});
