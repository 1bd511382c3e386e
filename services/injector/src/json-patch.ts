/** One operation of RFC 6902. */
export interface PatchOperation {
  readonly op: "add" | "replace" | "remove";
  readonly path: string;
  readonly value?: unknown;
}

/** Operations that turn `before` into `after`. Objects are compared by field, lists by position. */
export function diff(before: unknown, after: unknown, path = ""): PatchOperation[] {
  if (Object.is(before, after)) return [];
  if (Array.isArray(before) && Array.isArray(after)) return diffLists(before, after, path);
  if (isObject(before) && isObject(after)) return diffObjects(before, after, path);
  return [{ op: "replace", path, value: after }];
}

function diffObjects(before: Fields, after: Fields, path: string): PatchOperation[] {
  const operations: PatchOperation[] = [];
  for (const [field, value] of Object.entries(after)) {
    const at = `${path}/${escapeToken(field)}`;
    if (value === undefined) continue;
    if (before[field] === undefined) operations.push({ op: "add", path: at, value });
    else operations.push(...diff(before[field], value, at));
  }
  for (const field of Object.keys(before)) {
    if (after[field] === undefined) operations.push({ op: "remove", path: `${path}/${escapeToken(field)}` });
  }
  return operations;
}

function diffLists(before: readonly unknown[], after: readonly unknown[], path: string): PatchOperation[] {
  const shared = Math.min(before.length, after.length);
  const operations: PatchOperation[] = [];
  for (let index = 0; index < shared; index += 1)
    operations.push(...diff(before[index], after[index], `${path}/${index}`));
  for (const value of after.slice(shared)) operations.push({ op: "add", path: `${path}/-`, value });
  for (let index = before.length - 1; index >= shared; index -= 1)
    operations.push({ op: "remove", path: `${path}/${index}` });
  return operations;
}

type Fields = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function escapeToken(field: string): string {
  return field.replaceAll("~", "~0").replaceAll("/", "~1");
}
