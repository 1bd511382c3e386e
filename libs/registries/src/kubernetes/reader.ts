import type { Labels } from "@lateen/model";

/** What is wrong with a field of a raw object, and what would be right. */
export interface Mistake {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** A field that is good, and asks for what the mesh does in another way or not at all. */
export interface Unmet extends Mistake {
  readonly code: string;
}

/** `value` is absent where the object counts for nothing (yet), which is no mistake: a pod without an address. */
export type Conversion<T> =
  | { readonly ok: true; readonly value: T | undefined; readonly unmet?: readonly Unmet[] }
  | { readonly ok: false; readonly mistakes: readonly Mistake[] };

/** Reads fields of raw JSON, collecting what does not have the type it should have. An absent field is its default. */
export class Reader {
  readonly mistakes: Mistake[];
  readonly #raw: Record<string, unknown>;
  readonly #path: readonly (string | number)[];

  constructor(raw: unknown, path: readonly (string | number)[] = [], mistakes: Mistake[] = []) {
    this.mistakes = mistakes;
    this.#path = path;
    this.#raw = isRecord(raw) ? raw : {};
    if (!isRecord(raw) && raw !== undefined && raw !== null) this.fail([], `expects an object, got ${describe(raw)}`);
  }

  has(field: string): boolean {
    return this.#raw[field] !== undefined && this.#raw[field] !== null;
  }

  raw(field: string): unknown {
    return this.#raw[field];
  }

  string(field: string): string {
    return this.#typed(field, "string", "a string") ?? "";
  }

  boolean(field: string): boolean | undefined {
    return this.#typed(field, "boolean", "true or false");
  }

  /** 1 to 65535; 0 where absent. */
  port(field: string): number {
    const value = this.#typed<number>(field, "number", "a port number");
    if (value === undefined) return 0;
    if (Number.isInteger(value) && value >= 1 && value <= 65_535) return value;
    this.fail([field], `must be a port from 1 to 65535, got ${value}`);
    return 0;
  }

  object(field: string): Reader {
    return new Reader(this.#raw[field], [...this.#path, field], this.mistakes);
  }

  objects(field: string): Reader[] {
    return this.#list(field).map((item, index) => new Reader(item, [...this.#path, field, index], this.mistakes));
  }

  strings(field: string): string[] {
    return this.#list(field).flatMap((item, index) => {
      if (typeof item === "string") return [item];
      this.fail([field, index], `expects a string, got ${describe(item)}`);
      return [];
    });
  }

  /** Sorted by key, so that equal objects have equal bytes in the store. */
  labels(field: string): Labels {
    const raw = this.#raw[field];
    if (raw === undefined || raw === null) return {};
    if (!isRecord(raw)) {
      this.fail([field], `expects a map of strings, got ${describe(raw)}`);
      return {};
    }
    return Object.fromEntries(
      Object.keys(raw)
        .sort()
        .flatMap((key): [string, string][] => {
          const value = raw[key];
          if (typeof value === "string") return [[key, value]];
          this.fail([field, key], `expects a string, got ${describe(value)}; write it in quotes`);
          return [];
        }),
    );
  }

  fail(path: readonly (string | number)[], message: string): void {
    this.mistakes.push({ path: [...this.#path, ...path], message });
  }

  #typed<T>(field: string, type: string, expected: string): T | undefined {
    const value = this.#raw[field];
    if (value === undefined || value === null) return undefined;
    if (typeof value === type) return value as T;
    this.fail([field], `expects ${expected}, got ${describe(value)}`);
    return undefined;
  }

  #list(field: string): readonly unknown[] {
    const value = this.#raw[field];
    if (value === undefined || value === null) return [];
    if (Array.isArray(value)) return value;
    this.fail([field], `expects a list, got ${describe(value)}`);
    return [];
  }
}

/** The object's own name and namespace; a missing name is a mistake. */
export function readNames(
  metadata: Reader,
  defaultNamespace: string,
): { name: string; namespace: string; createdAtMs: number } {
  const name = metadata.string("name");
  if (name === "") metadata.fail(["name"], "is required");
  const created = Date.parse(metadata.string("creationTimestamp"));
  return {
    name,
    namespace: metadata.string("namespace") || defaultNamespace,
    createdAtMs: Number.isNaN(created) ? 0 : created,
  };
}

/** The value, or the mistakes that reading it met. */
export function concluded<T>(root: Reader, value: T | undefined): Conversion<T> {
  return root.mistakes.length === 0 ? { ok: true, value } : { ok: false, mistakes: root.mistakes };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function describe(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `the ${typeof value} ${JSON.stringify(String(value).slice(0, 80))}`;
}
