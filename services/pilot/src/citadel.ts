import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { create } from "@bufbuild/protobuf";
import { obtainIdentity } from "@lateen/identity";
import { GatewaySecrets, WatchSecretRequestSchema } from "@lateen/protos/mesh/identity/v1/gateway_secrets_pb.js";
import { TlsSource, createClient, openChannel } from "@lateen/rpc";
import type { Component, Logger } from "@lateen/runtime";
import type { WatchSecret } from "./proxies/gateway-secrets.ts";

export interface CitadelOptions {
  readonly address: string;
  readonly rootFile: string;
  readonly tokenFile: string;
  readonly trustDomain: string;
  readonly ttlSeconds: number;
  readonly logger: Logger;
}

export interface CitadelLink extends Component {
  /** Pilot's own certificate; empty until citadel has given one. */
  readonly tls: TlsSource;
  readonly watchSecret: WatchSecret;
}

/** All that pilot has to do with citadel: its certificate, kept fresh, and gateways' certificates on their way through. */
export function createCitadelLink(options: CitadelOptions): CitadelLink {
  const { address, trustDomain, ttlSeconds, logger } = options;
  const tls = new TlsSource();
  const roots = (): string => readFileSync(options.rootFile, "utf8");
  const channel = openChannel(address, {
    kind: "tls",
    roots: () => tls.current?.rootsPem ?? roots(),
    identity: () => tls.current,
  });
  const client = createClient(GatewaySecrets, channel);
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
    watchSecret: (secret, signal) => client.watchSecret(create(WatchSecretRequestSchema, secret), { signal }),
    async run(signal) {
      const identity = obtainIdentity({
        caAddress: address,
        trustDomain,
        ttlSeconds,
        logger,
        signal,
        roots,
        token: async () => (await readFile(options.tokenFile, "utf8")).trim(),
        identity: () => tls.current,
        onFailed: (error) => {
          problem = String(error);
        },
      });
      const { current } = identity.source;
      if (current !== undefined) tls.update(current);
      identity.source.onChange((material) => tls.update(material));
      await identity.done;
      channel.close();
    },
  };
}
