import { readFileSync } from "node:fs";
import { MeshStoreError } from "../errors.ts";
import type { NatsCredentials } from "./connection.ts";
import type { NatsStoreOptions } from "./nats-store.ts";

/** The variables by which every service is told where its store is; the Helm chart sets them. */
export type StoreEnvironment = { readonly [Variable in StoreVariable]?: string | undefined };

export type StoreVariable =
  /** Comma-separated, `nats://host:4222` or `tls://host:4222`. Required. */
  | "NATS_URL"
  /** Default `mesh`. */
  | "NATS_BUCKET"
  /** Copies of a bucket that has to be created: 1, 3 or 5. */
  | "NATS_REPLICAS"
  /** One of these says who we are; files are read anew for each connection. */
  | "NATS_NKEY_SEED_FILE"
  | "NATS_CREDS_FILE"
  | "NATS_USER"
  | "NATS_PASSWORD_FILE"
  | "NATS_CA_FILE"
  | "NATS_CERT_FILE"
  | "NATS_KEY_FILE"
  | "NATS_INBOX_PREFIX";

/** Options for `openNatsStore`. Throws `store_misconfigured` that names the variable. */
export function natsOptionsFrom(env: StoreEnvironment & NodeJS.ProcessEnv): NatsStoreOptions {
  const servers = (env.NATS_URL ?? "")
    .split(",")
    .map((server) => server.trim())
    .filter((server) => server !== "");
  if (servers.length === 0)
    throw misconfigured("NATS_URL is not set: it names the NATS servers of the mesh store, as in nats://nats:4222");
  const replicas = Number(env.NATS_REPLICAS || 1);
  if (![1, 3, 5].includes(replicas))
    throw misconfigured(`NATS_REPLICAS is ${JSON.stringify(env.NATS_REPLICAS)}: it must be 1, 3 or 5`);
  const credentials = credentialsFrom(env);
  const tls = {
    ...(env.NATS_CA_FILE ? { caFile: env.NATS_CA_FILE } : {}),
    ...(env.NATS_CERT_FILE ? { certFile: env.NATS_CERT_FILE } : {}),
    ...(env.NATS_KEY_FILE ? { keyFile: env.NATS_KEY_FILE } : {}),
  };
  return {
    servers,
    replicas,
    ...(env.NATS_BUCKET ? { bucket: env.NATS_BUCKET } : {}),
    ...(credentials === undefined ? {} : { credentials }),
    ...(Object.keys(tls).length === 0 ? {} : { tls }),
    ...(env.NATS_INBOX_PREFIX ? { inboxPrefix: env.NATS_INBOX_PREFIX } : {}),
  };
}

function credentialsFrom(env: StoreEnvironment): NatsCredentials | undefined {
  const { NATS_NKEY_SEED_FILE: seed, NATS_CREDS_FILE: creds, NATS_USER: user, NATS_PASSWORD_FILE: password } = env;
  if ([seed, creds, user].filter(Boolean).length > 1)
    throw misconfigured("NATS_NKEY_SEED_FILE, NATS_CREDS_FILE and NATS_USER exclude each other");
  if (seed) return { kind: "nkey", seed: () => readFileSync(seed, "utf8") };
  if (creds) return { kind: "creds", content: () => readFileSync(creds, "utf8") };
  if (user && !password) throw misconfigured("NATS_USER is set without NATS_PASSWORD_FILE");
  return user && password ? { kind: "password", user, password: () => readFileSync(password, "utf8") } : undefined;
}

function misconfigured(message: string): MeshStoreError {
  return new MeshStoreError("store_misconfigured", message);
}
