import { parseAllDocuments } from "yaml";
import type { SecretData } from "./secret-source.ts";

export interface SecretManifests {
  /** By `<namespace>/<name>`. */
  readonly secrets: ReadonlyMap<string, SecretData>;
  readonly problems: readonly string[];
}

/** The Secrets among a file's documents (YAML or JSON, `kind: List` too). Other kinds are somebody else's. */
export function readSecretManifests(text: string): SecretManifests {
  const secrets = new Map<string, SecretData>();
  const problems: string[] = [];
  for (const document of parseAllDocuments(text)) {
    if (document.errors.length > 0) {
      if (/kind:\s*"?Secret/.test(text)) problems.push(...document.errors.map(({ message }) => message));
      continue;
    }
    for (const object of flatten(document.toJS())) readSecret(object, secrets, problems);
  }
  return { secrets, problems };
}

type Raw = Readonly<Record<string, unknown>>;

function flatten(value: unknown): Raw[] {
  if (!isRecord(value)) return [];
  const items = value["items"];
  if (value["kind"] === "List" && Array.isArray(items)) return items.flatMap(flatten);
  return value["kind"] === "Secret" && value["apiVersion"] === "v1" ? [value] : [];
}

function readSecret(object: Raw, secrets: Map<string, SecretData>, problems: string[]): void {
  const metadata = isRecord(object["metadata"]) ? object["metadata"] : {};
  const { name, namespace = "default" } = metadata;
  if (typeof name !== "string" || typeof namespace !== "string") {
    problems.push("a Secret lacks metadata.name");
    return;
  }
  const encoded = textEntries(object["data"]).map(([key, value]) => [key, Buffer.from(value, "base64")] as const);
  const plain = textEntries(object["stringData"]).map(([key, value]) => [key, Buffer.from(value)] as const);
  secrets.set(`${namespace}/${name}`, new Map([...encoded, ...plain])); // stringData wins, as in Kubernetes
}

function textEntries(value: unknown): [string, string][] {
  if (!isRecord(value)) return [];
  return Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string");
}

function isRecord(value: unknown): value is Raw {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
