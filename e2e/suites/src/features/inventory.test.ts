import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { suite, test } from "node:test";
import { slugOf } from "./feature-row.ts";
import { allFields, fieldsOnPath } from "./field-paths.ts";
import { notYetShown } from "./fields.ts";
import { areas } from "./inventory.ts";
import { warnedOf } from "./warned-of.ts";

/** Raised as rows land, never lowered. */
const leastRows = 500;
const rows = Object.values(areas).flat();
const fields = allFields();

/** `UPDATE_FIELDS=1` writes the list of fields without a row anew; reasons that were given stay. */
suite("the feature table", () => {
  test(`has ${rows.length} rows`, (context) => {
    context.diagnostic(
      `${rows.length} rows: ${Object.entries(areas)
        .map(([area, { length }]) => `${area} ${length}`)
        .join(", ")}`,
    );
    assert.ok(rows.length >= leastRows, `${rows.length} rows, and there were ${leastRows}`);
  });

  test("names are sentences of their own", () => {
    const repeated = (names: readonly string[]): readonly string[] =>
      names.filter((name, index) => names.indexOf(name) !== index);
    assert.deepEqual(repeated(rows.map(({ name }) => name)), [], "the same name twice");
    assert.deepEqual(repeated(rows.map(({ name }) => slugOf(name))), [], "names that begin the same for 45 characters");
  });

  test("rows name fields that Istio has, and each row names some", () => {
    const wrong = rows.flatMap((row) =>
      row.fields.filter((path) => fieldsOnPath(path) === undefined).map((path) => `${path} in "${row.name}"`),
    );
    assert.deepEqual(wrong, []);
    assert.deepEqual(
      rows.filter((row) => row.fields.length === 0).map(({ name }) => name),
      [],
    );
  });

  test("every field has a row or is listed in fields.ts with a reason", async (context) => {
    const shown = new Set(rows.flatMap((row) => row.fields.flatMap((path) => fieldsOnPath(path) ?? [])));
    const missing = [...fields].filter(([key, path]) => !shown.has(key) && !warnedOf(path)).map(([, path]) => path);
    context.diagnostic(`${fields.size - missing.length} of ${fields.size} fields have a row`);
    if (process.env["UPDATE_FIELDS"] === "1") return await writeFields(missing);
    assert.deepEqual(
      { shownButListed: Object.keys(notYetShown).filter((path) => !missing.includes(path)) },
      { shownButListed: [] },
      "fields.ts lists what has a row, or is no field: run with UPDATE_FIELDS=1",
    );
    assert.deepEqual(
      { neither: missing.filter((path) => notYetShown[path] === undefined) },
      { neither: [] },
      "fields without a row that fields.ts does not list: run with UPDATE_FIELDS=1",
    );
  });
});

async function writeFields(missing: readonly string[]): Promise<void> {
  const lines = missing.map(
    (path) => `  ${JSON.stringify(path)}: ${JSON.stringify(notYetShown[path] ?? "no row yet")},`,
  );
  const text = [
    "/** Istio's fields that no row of the feature table shows, and why. `inventory.test.ts` keeps it true. */",
    "export const notYetShown: Readonly<Record<string, string>> = {",
    ...lines,
    "};",
  ];
  await writeFile(`${import.meta.dirname}/fields.ts`, `${text.join("\n")}\n`);
}
