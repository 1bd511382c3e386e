import { defaultRegistry } from "./image-reference.ts";

/** What a registry is told about who asks. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
  /** OAuth's refresh token, which stands for name and password. */
  readonly identityToken: string;
  /** A bearer token, sent as it is. */
  readonly registryToken: string;
}

/**
 * What a Docker configuration (`.dockerconfigjson`) has for a registry: under its name, or under a URL of its host.
 * Throws, without quoting any of it, where it is not such a configuration.
 */
export function credentialsFor(registry: string, config: string): Credentials | undefined {
  const auths = recordOf(recordOf(parsed(config))["auths"] ?? {});
  const key = registry === defaultRegistry ? `https://${defaultRegistry}/v1/` : registry;
  const found = key in auths ? key : Object.keys(auths).find((each) => hostOf(each) === hostOf(key));
  if (found === undefined) return undefined;
  const entry = recordOf(auths[found]);
  const [username, password] = basicOf(entry);
  const [identityToken, registryToken] = [text(entry["identitytoken"]), text(entry["registrytoken"])];
  return username + identityToken + registryToken === ""
    ? undefined
    : { username, password, identityToken, registryToken };
}

function parsed(config: string): unknown {
  try {
    return JSON.parse(config);
  } catch {
    throw notOne();
  }
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw notOne();
  return value as Readonly<Record<string, unknown>>;
}

function notOne(): Error {
  return new Error('the credentials are not a Docker configuration: {"auths": {"registry": {"auth": …}}}');
}

/** `auth` is `name:password`, encoded; it counts more than the two by themselves, as in Docker. */
function basicOf(entry: Readonly<Record<string, unknown>>): readonly [string, string] {
  const auth = Buffer.from(text(entry["auth"]), "base64").toString("utf8");
  const colon = auth.indexOf(":");
  return colon > 0
    ? [auth.slice(0, colon), auth.slice(colon + 1).replace(/\0+$/, "")]
    : [text(entry["username"]), text(entry["password"])];
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function hostOf(key: string): string {
  return key.replace(/^https?:\/\//, "").split("/")[0] ?? "";
}
