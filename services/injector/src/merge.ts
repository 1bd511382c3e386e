import type { Container } from "./pod.ts";

/** Lists of a container that are merged item by item, and what tells their items apart. */
const listKeys: Readonly<Record<string, string>> = { env: "name", ports: "containerPort", volumeMounts: "mountPath" };

/**
 * Lays what a user wrote for the container `istio-proxy` over the generated one: objects field by field, the lists
 * above item by item, anything else whole. The image `auto` means the generated one.
 */
export function mergeContainer(generated: Container, own: Container | undefined): Container {
  if (own === undefined) return generated;
  const { image, ...rest } = own;
  const merged = mergeObjects(generated as Fields, rest as Fields) as Fields & Container;
  return image === undefined || image === "auto" ? merged : { ...merged, image };
}

type Fields = Readonly<Record<string, unknown>>;

function mergeObjects(base: Fields, over: Fields): Fields {
  const merged: Record<string, unknown> = { ...base };
  for (const [field, value] of Object.entries(over)) merged[field] = mergeValues(field, base[field], value);
  return merged;
}

function mergeValues(field: string, base: unknown, over: unknown): unknown {
  const key = listKeys[field];
  if (key !== undefined && Array.isArray(base) && Array.isArray(over))
    return mergeLists(key, base as Fields[], over as Fields[]);
  if (isObject(base) && isObject(over)) return mergeObjects(base, over);
  return over;
}

function mergeLists(key: string, base: readonly Fields[], over: readonly Fields[]): readonly Fields[] {
  const replaced = base.map((item) => over.find((other) => other[key] === item[key]) ?? item);
  const added = over.filter((other) => !base.some((item) => item[key] === other[key]));
  return [...replaced, ...added];
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
