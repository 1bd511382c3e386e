import { obtainIdentity } from "@lateen/identity";
import type { IdentityClient } from "@lateen/identity";
import { TlsSource } from "@lateen/rpc";
import type { Component, Logger } from "@lateen/runtime";
import { readFile } from "node:fs/promises";
import { readFileSync } from "node:fs";

export interface ServingIdentityOptions {
  readonly caAddress: string;
  readonly rootFile: string;
  readonly tokenFile: string;
  readonly trustDomain: string;
  readonly logger: Logger;
}

/** This service's certificate from citadel, as the source that its HTTPS server reads. Ready once there is one. */
export interface ServingIdentity extends Component {
  readonly tls: TlsSource;
}

const dayInSeconds = 86_400;

export function createServingIdentity(options: ServingIdentityOptions): ServingIdentity {
  const tls = new TlsSource();
  let client: IdentityClient | undefined;
  return {
    name: "identity",
    tls,
    checks: [
      {
        name: "identity",
        check: () => ({ ready: tls.current !== undefined, ...(client?.problem && { detail: client.problem }) }),
      },
    ],
    async run(signal) {
      client = obtainIdentity({
        caAddress: options.caAddress,
        roots: () => readFileSync(options.rootFile, "utf8"),
        token: () => readFile(options.tokenFile, "utf8").then((token) => token.trim()),
        identity: () => tls.current,
        trustDomain: options.trustDomain,
        ttlSeconds: dayInSeconds,
        signal,
        logger: options.logger,
      });
      client.source.onChange((material) => tls.update(material));
      await client.done;
    },
  };
}
