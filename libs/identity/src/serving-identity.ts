import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { TlsSource } from "@lateen/rpc";
import type { IdentityLogger } from "./keep-identity.ts";
import { obtainIdentity } from "./obtain-identity.ts";

export interface ServingIdentityOptions {
  /** `host:port` of citadel or istiod. */
  readonly caAddress: string;
  /** PEM file: what the CA's own certificate is verified with. Read anew for each request, as is the token. */
  readonly rootFile: string;
  readonly tokenFile: string;
  readonly trustDomain: string;
  /** Default 24 h. */
  readonly ttlSeconds?: number;
  readonly logger: IdentityLogger;
}

/** In the shape of a `Component` of @lateen/runtime, which this library does not know. */
export interface ServingIdentity {
  readonly name: string;
  /** For servers, which may listen before there is a certificate; empty until the first one. */
  readonly tls: TlsSource;
  readonly checks: readonly { readonly name: string; check(): { ready: boolean; detail?: string } }[];
  /** Resolves when `signal` aborts. Never rejects: while there is no certificate it is not ready, and says why. */
  run(signal: AbortSignal): Promise<void>;
}

const dayInSeconds = 86_400;

/** The certificate that a service of the control plane serves with: from citadel, by its token, kept fresh. No I/O before `run`. */
export function createServingIdentity(options: ServingIdentityOptions): ServingIdentity {
  const { caAddress, rootFile, tokenFile, trustDomain, logger, ttlSeconds = dayInSeconds } = options;
  const tls = new TlsSource();
  let problem = "waiting for a certificate from citadel";
  const check = () => (tls.current === undefined ? { ready: false, detail: problem } : { ready: true });
  return {
    name: "identity",
    tls,
    checks: [{ name: "identity", check }],
    async run(signal) {
      const identity = obtainIdentity({
        caAddress,
        trustDomain,
        ttlSeconds,
        logger,
        signal,
        source: tls,
        roots: () => readFileSync(rootFile, "utf8"),
        token: async () => (await readFile(tokenFile, "utf8")).trim(),
        identity: () => tls.current,
        onFailed: (error) => {
          problem = error instanceof Error ? error.message : String(error);
        },
      });
      await identity.done;
    },
  };
}
