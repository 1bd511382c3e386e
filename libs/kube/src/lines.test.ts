import assert from "node:assert/strict";
import { test } from "node:test";
import { readLines } from "./lines.ts";

test("joins what chunks split, also inside a character, and drops a line cut short", async () => {
  const bytes = Buffer.from('{"a":"é"}\n\n{"b":1}\n{"cut');
  for (const size of [1, 3, 7, 100]) {
    const chunks: Buffer[] = [];
    for (let start = 0; start < bytes.length; start += size) chunks.push(bytes.subarray(start, start + size));
    const lines: string[] = [];
    for await (const line of readLines(ReadableStream.from(chunks))) lines.push(line);
    assert.deepEqual(lines, ['{"a":"é"}', '{"b":1}']);
  }
});
