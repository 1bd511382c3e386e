import fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { readDocuments } from "./documents.ts";

const one = "apiVersion: v1\nkind: A\nmetadata: {name: a}\n";

function namesOf(text: string): string[] {
  return readDocuments(text, "f.yaml").documents.map(({ origin }) => `${origin.kind}/${origin.name}:${origin.line}`);
}

test("documents are told apart, empty ones and comments count for nothing", () => {
  assert.deepEqual(namesOf(`# head\n---\n${one}---\n---\n# only\n...\n---\n${one}`), ["A/a:3", "A/a:11"]);
  assert.deepEqual(namesOf("\uFEFF%YAML 1.2\n---\nkind: A\n"), ["A/:3"]);
  assert.deepEqual(namesOf("--- {kind: A, metadata: {name: b}}\n--- # next\nkind: B\n"), ["A/b:1", "B/:3"]);
  assert.deepEqual(namesOf(one.replaceAll("\n", "\r\n")), ["A/a:1"]);
  assert.deepEqual(namesOf(""), []);
});

test("a marker inside a block of text is text", () => {
  const [document] = readDocuments("kind: A\ntext: |\n  ---\n  b\n", "f.yaml").documents;
  assert.deepEqual(document?.raw, { kind: "A", text: "---\nb\n" });
});

test("a broken document says where, and the others are there", () => {
  const broken = [
    ['kind: B\nmetadata: {name: b}\nbad: "open\n', 7],
    ["kind: B\nmetadata: {name: b}\n bad: 1\n", 7],
    ["kind: B\nmetadata: {name: b}\nkind: C\n", 7],
    ["kind: B\nmetadata: {name: b}\nx: *missing\n", 5],
  ] as const;
  for (const [text, line] of broken) {
    const { documents, violations } = readDocuments(`${one}---\n${text}---\n${one}`, "f.yaml");
    assert.equal(documents.length, 2, text);
    assert.equal(violations.length, 1);
    const [violation] = violations;
    assert.deepEqual(
      [violation?.code, violation?.line, violation?.object],
      ["syntax", line, { kind: "B", namespace: "", name: "b", file: "f.yaml", line: 5 }],
      violation?.message,
    );
  }
});

test("a List's items are documents, with positions of their own", () => {
  const text = "apiVersion: v1\nkind: List\nitems:\n- kind: A\n  metadata: {name: a}\n- kind: B\n  spec:\n    x: 1\n";
  const { documents } = readDocuments(text, "f.yaml");
  assert.deepEqual(
    documents.map(({ origin }) => [origin.kind, origin.line]),
    [
      ["A", 4],
      ["B", 6],
    ],
  );
  assert.deepEqual(documents[1]?.positions.positionOf(["spec", "x"]), { line: 8, column: 8 });
  assert.deepEqual(documents[1]?.positions.positionOf(["spec", "x"], "key"), { line: 8, column: 5 });
  assert.deepEqual(documents[1]?.positions.positionOf(["spec", "missing", 0]), { line: 7, column: 3 });
});

test("JSON is read, tabs and all", () => {
  const { documents, violations } = readDocuments(
    '{\n\t"kind": "A",\n\t"metadata": {\n\t\t"name": "a"\n\t}\n}\n',
    "f.json",
  );
  assert.deepEqual(violations, []);
  assert.deepEqual(documents[0]?.positions.positionOf(["metadata", "name"]), { line: 4, column: 11 });
});

test("merge keys and references are followed", () => {
  const { documents } = readDocuments("kind: A\nbase: &b {x: 1}\nspec: {<<: *b, y: 2}\nalias: *b\n", "f.yaml");
  assert.deepEqual((documents[0]?.raw as { spec: unknown } | undefined)?.spec, { x: 1, y: 2 });
  assert.equal(documents[0]?.positions.positionOf(["alias", "x"])?.line, 2);
});

test("any text gets an answer, hostile ones too", () => {
  readDocuments("[".repeat(20_000), "f.yaml");
  const bomb = Array.from(
    { length: 20 },
    (_, index) => `a${index}: &a${index} [${index === 0 ? "x" : `*a${index - 1},`.repeat(9)}]`,
  ).join("\n");
  assert.equal(readDocuments(`kind: A\n${bomb}\n`, "f.yaml").violations.length, 1);
  const piece = fc.oneof(
    fc.constantFrom(
      "---\n",
      "...\n",
      "kind: List\n",
      "items:\n",
      "- ",
      "  ",
      "a: ",
      "{",
      "}",
      "[",
      "]",
      '"',
      "'",
      "|\n",
      "&a ",
      "*a",
      "<<: ",
      "\n",
      "\t",
      "? ",
      "!!x ",
    ),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => void readDocuments(pieces.join(""), "f.yaml")),
    { numRuns: 2_000 },
  );
});
