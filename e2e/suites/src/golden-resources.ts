import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { type Case, fromEnvoyJson } from "@lateen/testkit";
import type { ServerCertificate } from "./certificates.ts";
import type { StaticResource } from "./static-ads.ts";

/** What an Envoy is served for one case, and the types it must say yes to. */
export interface GoldenResources {
  readonly resources: readonly StaticResource[];
  readonly types: ReadonlySet<string>;
}

const prefix = "type.googleapis.com/";
const secretType = `${prefix}envoy.extensions.transport_sockets.tls.v3.Secret`;

export interface Credentials {
  readonly certificate: ServerCertificate;
  /** The same as files, in place of those that a case names. */
  readonly files: {
    readonly certificate: string;
    readonly privateKey: string;
    readonly root: string;
    readonly revoked: string;
    /** A module that Envoy can run. */
    readonly wasm: string;
  };
}

/**
 * The goldens of a case as they are, but for what depends on the machine: listeners do not bind, files named in a case
 * are the test's, and the secrets that a control plane would fetch are there.
 */
export async function goldenResources(scenario: Case, credentials: Credentials): Promise<GoldenResources> {
  const golden = await Promise.all(
    ["cds", "eds", "lds", "rds", "ecds"].map(
      async (type) => (await readIfThere(scenario, `xds/${type}.golden.yaml`)) as { resources?: JsonObject[] } | null,
    ),
  );
  const all = golden.flatMap((file) => file?.resources ?? []);
  const run = `${process.pid}-${++runs}`;
  const served = all.map((resource) => withOwnSockets(withFiles(withoutBinding(resource), credentials), run));
  const secrets = secretsOf(served, credentials.certificate);
  const text = JSON.stringify(served);
  const types = new Set(
    ["envoy.config.cluster.v3.Cluster", "envoy.config.listener.v3.Listener"].map((name) => prefix + name),
  );
  if (text.includes('"eds_cluster_config"')) types.add(`${prefix}envoy.config.endpoint.v3.ClusterLoadAssignment`);
  if (text.includes('"route_config_name"')) types.add(`${prefix}envoy.config.route.v3.RouteConfiguration`);
  if (text.includes('"config_discovery"')) types.add(`${prefix}envoy.config.core.v3.TypedExtensionConfig`);
  return { resources: [...served, ...secrets].map(fromEnvoyJson), types };
}

/** Not every case has resources of every type. */
async function readIfThere(scenario: Case, path: string): Promise<unknown> {
  return await scenario.readYaml(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
    return null;
  });
}

/** Envoy ends with a fault when it is told to make a socket transparent that it does not open. */
function withoutBinding(resource: JsonObject): JsonObject {
  if (!String(resource["@type"]).endsWith(".Listener")) return resource;
  const { transparent: _socketOption, ...listener } = resource;
  return { ...listener, bind_to_port: false };
}

let runs = 0;

/** Abstract sockets are one name space for the whole machine, and several Envoys are served the same case at once. */
function withOwnSockets(resource: JsonObject, run: string): JsonObject {
  return JSON.parse(JSON.stringify(resource).replace(/("path":"@[^"]*)"/g, `$1-${run}"`)) as JsonObject;
}

function withFiles(resource: JsonObject, { files }: Credentials): JsonObject {
  const renamed = JSON.stringify(resource)
    .replace(/"private_key":\{"filename":"[^"]*"\}/g, `"private_key":{"filename":"${files.privateKey}"}`)
    .replace(/"certificate_chain":\{"filename":"[^"]*"\}/g, `"certificate_chain":{"filename":"${files.certificate}"}`)
    .replace(/"trusted_ca":\{"filename":"[^"]*"\}/g, `"trusted_ca":{"filename":"${files.root}"}`)
    .replace(/"code":\{"(local|remote)":.*?\},"environment_variables"/g, wasmIn(files.wasm))
    .replace(/"crl":\{"filename":"[^"]*"\}/g, `"crl":{"filename":"${files.revoked}"}`);
  return JSON.parse(renamed) as JsonObject;
}

/** What an agent would have fetched. */
function wasmIn(filename: string): string {
  return `"code":{"local":{"filename":${JSON.stringify(filename)}}},"environment_variables"`;
}

/** One secret for each name that a TLS context asks for, of the kind it asks for. */
function secretsOf(resources: readonly JsonObject[], certificate: ServerCertificate): readonly JsonObject[] {
  const inline = (text: string): JsonObject => ({ inline_string: text });
  const { certificate: chain, privateKey, rootPem } = certificate;
  const found = new Map<string, JsonObject>();
  const visit = (value: JsonValue | undefined): void => {
    if (Array.isArray(value)) value.forEach(visit);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return;
    for (const config of (value["tls_certificate_sds_secret_configs"] ?? []) as JsonObject[])
      found.set(String(config["name"]), {
        tls_certificate: { certificate_chain: inline(chain), private_key: inline(privateKey) },
      });
    const validation = value["validation_context_sds_secret_config"] as JsonObject | undefined;
    if (validation !== undefined)
      found.set(String(validation["name"]), { validation_context: { trusted_ca: inline(rootPem) } });
    Object.values(value).forEach(visit);
  };
  resources.forEach(visit);
  return [...found].map(([name, secret]) => ({ "@type": secretType, name, ...secret }));
}
