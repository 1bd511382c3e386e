import type { Credentials } from "./docker-config.ts";
import { FinalError, get } from "./http-get.ts";
import type { GetOptions } from "./http-get.ts";

/** What a registry asks for with a 401. https://distribution.github.io/distribution/spec/auth/token/ */
interface Challenge {
  readonly scheme: string;
  readonly parameters: Readonly<Record<string, string>>;
}

export interface Applicant {
  readonly repository: string;
  readonly credentials: Credentials | undefined;
  /** Whether a token may be asked for without TLS. */
  readonly insecure: boolean;
  readonly get: Omit<GetOptions, "headers" | "form">;
}

/** The Authorization that a challenge asks for; undefined where there is nothing to answer it with. */
export async function authorizationFor(
  challenge: string | undefined,
  applicant: Applicant,
): Promise<string | undefined> {
  const { scheme, parameters } = parseChallenge(challenge ?? "");
  const { credentials } = applicant;
  if (credentials !== undefined && credentials.registryToken !== "") return `Bearer ${credentials.registryToken}`;
  if (scheme === "basic") return credentials === undefined ? undefined : basic(credentials);
  if (scheme !== "bearer")
    throw new FinalError(`its registry asks for ${scheme || "no"} authentication; Basic and Bearer are known`);
  return `Bearer ${await tokenFrom(parameters, applicant)}`;
}

async function tokenFrom(parameters: Challenge["parameters"], applicant: Applicant): Promise<string> {
  const { credentials, repository, insecure } = applicant;
  const realm = realmOf(parameters["realm"], insecure);
  const { service = "", scope = `repository:${repository}:pull` } = parameters;
  const refresh = credentials?.identityToken ?? "";
  if (refresh === "") {
    if (service !== "") realm.searchParams.set("service", service);
    realm.searchParams.set("scope", scope);
  }
  const form = new URLSearchParams({
    grant_type: "refresh_token",
    refresh_token: refresh,
    client_id: "lateen",
    service,
    scope,
  });
  const { status, body } = await get(realm.href, {
    ...applicant.get,
    ...(refresh === "" ? credentials !== undefined && { headers: { authorization: basic(credentials) } } : { form }),
  });
  if (status === 401 || status === 403)
    throw new FinalError(`${realm.host} gives no token for it: ${refusalOf(credentials)}`);
  if (status !== 200) throw new Error(`${realm.host} answers ${status} when asked for a token`);
  const token = tokenIn(body.toString("utf8"));
  if (token === undefined) throw new FinalError(`${realm.host} answers without a token`);
  return token;
}

/** What to do about a refusal. */
export function refusalOf(credentials: Credentials | undefined): string {
  return credentials === undefined
    ? "there are no credentials for its registry; name an imagePullSecret that has them"
    : "the credentials that there are for its registry do not do";
}

function realmOf(realm: string | undefined, insecure: boolean): URL {
  const url = URL.canParse(realm ?? "") ? new URL(realm ?? "") : undefined;
  if (url?.protocol === "https:" || (insecure && url?.protocol === "http:")) return url;
  throw new FinalError(
    `its registry sends whoever asks to ${JSON.stringify(realm ?? "")} for a token, which is no URL with https`,
  );
}

function basic({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

function parseChallenge(header: string): Challenge {
  const [, scheme = "", rest = ""] = /^\s*(\w+)\s*(.*)$/s.exec(header) ?? [];
  const parameters = [...rest.matchAll(/(\w+)=(?:"([^"]*)"|([^\s,]*))/g)].map(([, name = "", quoted, bare]) => [
    name.toLowerCase(),
    quoted ?? bare ?? "",
  ]);
  return { scheme: scheme.toLowerCase(), parameters: Object.fromEntries(parameters) as Record<string, string> };
}

function tokenIn(body: string): string | undefined {
  try {
    const { token, access_token: other } = JSON.parse(body) as {
      readonly token?: unknown;
      readonly access_token?: unknown;
    };
    const found = token ?? other;
    return typeof found === "string" && found !== "" ? found : undefined;
  } catch {
    return undefined;
  }
}
