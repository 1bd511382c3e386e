import { obtainIdentity } from "@lateen/identity";
import { TlsSource } from "@lateen/rpc";
import type { Component, Logger } from "@lateen/runtime";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";

export interface ServingIdentityOptions {
  readonly caAddress: string;
  readonly rootFile: string;
  readonly tokenFile: string;
  readonly trustDomain: string;
  readonly logger: Logger;
}

const dayInSeconds = 86_400;

/** The webhook's certificate from citadel, kept fresh. Ready once there is one. */
export function createServingIdentity(options: ServingIdentityOptions): Component & { readonly tls: TlsSource } {
  const tls = new TlsSource();
  let problem = "waiting for a certificate from citadel";
  return {
    name: "identity",
    tls,
    checks: [
      {
        name: "identity",
        check: () => (tls.current === undefined ? { ready: false, detail: problem } : { ready: true }),
      },
    ],
    async run(signal) {
      const { caAddress, rootFile, tokenFile, trustDomain, logger } = options;
      const identity = obtainIdentity({
        caAddress,
        trustDomain,
        logger,
        signal,
        roots: () => readFileSync(rootFile, "utf8"),
        token: async () => (await readFile(tokenFile, "utf8")).trim(),
        identity: () => tls.current,
        ttlSeconds: dayInSeconds,
        onFailed: (error) => {
          problem = String(error);
        },
      });
      identity.source.onChange((material) => tls.update(material));
      await identity.done;
    },
  };
}
