import { keepIdentity } from "@lateen/identity";
import type { MeshStore } from "@lateen/mesh-store";
import type { WorkloadIdentity } from "@lateen/pki";
import type { SecretMaterial } from "@lateen/protos/mesh/identity/v1/gateway_secrets_pb.js";
import { type RpcService, TlsSource } from "@lateen/rpc";
import type { Component, HealthCheck, Logger } from "@lateen/runtime";
import type { Registry } from "prom-client";
import type { Authenticator } from "./authentication/authenticator.ts";
import { clientCertificate } from "./authentication/client-certificate.ts";
import { Authority } from "./authority.ts";
import { certificateService, clampTtl } from "./certificate-service.ts";
import type { SecretSource, WantedSecret } from "./gateway-secrets/secret-source.ts";
import { gatewaySecretsService } from "./gateway-secrets/service.ts";
import { watchMaterial } from "./gateway-secrets/watch-material.ts";
import type { KeyStore } from "./keys/key-store.ts";
import { registerCitadelMetrics } from "./metrics.ts";
import { publishTrust } from "./trust/publish-trust.ts";

export interface CitadelOptions {
  readonly store: MeshStore;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly keyStore: KeyStore;
  /** Tried in this order, after the client certificate. */
  readonly authenticators: readonly Authenticator[];
  readonly trustDomain: string;
  /** Where the control plane is installed; default `istio-system`. */
  readonly rootNamespace?: string;
  /** `<namespace>/<service account>` to DNS names besides the SPIFFE id: the control plane's own servers. */
  readonly dnsNames?: Readonly<Record<string, readonly string[]>>;
  /** Where gateways' certificates come from; without it WatchSecret is not offered. */
  readonly secrets?: SecretSource;
  /** SPIFFE ids that may ask for gateways' certificates. */
  readonly secretReaders?: readonly string[];
  /** Citadel's own account; default `lateen-citadel`. */
  readonly serviceAccount?: string;
  /** DNS names in citadel's own certificate, besides `lateen-citadel` and `istiod` in the root namespace and localhost. */
  readonly servingNames?: readonly string[];
  /** Default 24 h. */
  readonly defaultTtlSeconds?: number;
  /** Default 90 days. */
  readonly maxTtlSeconds?: number;
  readonly rootTtlSeconds?: number;
  readonly checkIntervalMs?: number;
}

export interface Citadel extends Component<RpcService> {
  readonly rpc: readonly RpcService[];
  /** The certificate of citadel's own TLS listener, signed by itself and rotated; empty until the CA is loaded. */
  readonly serving: TlsSource;
  /** What peers must trust; undefined until the CA is loaded. */
  rootsPem(): string | undefined;
  /** Told whenever another CA signs, so that `rootsPem` may have changed; returns the way to stop. */
  onRootsChanged(listener: () => void): () => void;
  /** For parts of the same process, whose identity the caller vouches for. The chain as CreateCertificate answers it. */
  issue(request: { csrPem: string; identity: WorkloadIdentity; ttlSeconds?: number }): Promise<readonly string[]>;
  /** For parts of the same process: what WatchSecret answers, without asking who it is. */
  watchSecret(ref: WantedSecret, signal: AbortSignal): AsyncIterable<SecretMaterial>;
}

const day = 86_400;

/** The mesh's CA. Built without I/O; `run` loads the key, serves its own certificate and publishes the roots. */
export function createCitadel(options: CitadelOptions): Citadel {
  const { store, logger, trustDomain, rootNamespace = "istio-system", dnsNames = {} } = options;
  const ttls = {
    defaultTtlSeconds: options.defaultTtlSeconds ?? day,
    maxTtlSeconds: options.maxTtlSeconds ?? 90 * day,
  };
  const authority = new Authority(options);
  const metrics = registerCitadelMetrics(options.registry, () => authority.current);
  const authenticators = [clientCertificate(trustDomain), ...options.authenticators];
  const serving = new TlsSource();
  const secrets = options.secrets ?? noSecrets;
  const issue: Citadel["issue"] = async ({ csrPem, identity, ttlSeconds = 0 }) => {
    const names = dnsNames[`${identity.namespace}/${identity.serviceAccount}`] ?? [];
    return (
      await authority.issue({
        csrPem,
        identity,
        dnsNames: names,
        ttlSeconds: clampTtl(BigInt(Math.round(ttlSeconds)), ttls),
      })
    ).chain;
  };
  return {
    name: "citadel",
    serving,
    checks: [authority.check, servingCheck(serving)],
    rpc: [
      certificateService({ authority, authenticators, metrics, dnsNames, ...ttls }),
      ...(options.secrets
        ? [
            gatewaySecretsService({
              source: options.secrets,
              authenticators,
              metrics,
              logger,
              readers: options.secretReaders ?? [],
            }),
          ]
        : []),
    ],
    rootsPem: () => authority.current?.material.rootsPem,
    onRootsChanged: (listener) => authority.onChange(listener),
    issue,
    watchSecret: (ref, signal) => watchMaterial(secrets, ref, signal),
    async run(signal) {
      const identity = {
        trustDomain,
        namespace: rootNamespace,
        serviceAccount: options.serviceAccount ?? "lateen-citadel",
      };
      await runAll(signal, [
        (stop) => authority.run(stop),
        (stop) => keepServingCertificate({ authority, serving, identity, logger, names: servingNames(options) }, stop),
        (stop) => publishTrust({ store, authority, trustDomain, logger }, stop),
        (stop) => secrets.run(stop),
      ]);
    },
  };
}

interface ServingCertificateOptions {
  readonly authority: Authority;
  readonly serving: TlsSource;
  readonly identity: WorkloadIdentity;
  readonly names: readonly string[];
  readonly logger: Logger;
}

async function keepServingCertificate(
  { authority, serving, identity, names, logger }: ServingCertificateOptions,
  signal: AbortSignal,
): Promise<void> {
  if (!authority.current) await firstCa(authority, signal);
  if (signal.aborted) return;
  const keeper = keepIdentity({
    source: serving,
    ttlSeconds: day,
    signal,
    logger,
    requestCertificate: async ({ csrPem, ttlSeconds }) =>
      (await authority.issue({ csrPem, identity, dnsNames: names, ipAddresses: ["127.0.0.1"], ttlSeconds })).chain,
  });
  const stop = authority.onChange(() => keeper.rotate());
  await keeper.done;
  stop();
}

function firstCa(authority: Authority, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const stop = authority.onChange(() => done());
    const done = (): void => {
      stop();
      resolve();
    };
    signal.addEventListener("abort", done, { once: true });
  });
}

function servingNames({ rootNamespace = "istio-system", servingNames = [] }: CitadelOptions): string[] {
  const services = ["lateen-citadel", "istiod", "istio-ca", "istio-citadel"];
  return [...new Set([...services.map((service) => `${service}.${rootNamespace}.svc`), "localhost", ...servingNames])];
}

function servingCheck(serving: TlsSource): HealthCheck {
  return {
    name: "serving-certificate",
    check: () => (serving.current ? { ready: true } : { ready: false, detail: "waiting for the CA to sign it" }),
  };
}

/** All of them until `signal` aborts; the first that fails stops the rest. */
async function runAll(signal: AbortSignal, parts: readonly ((stop: AbortSignal) => Promise<void>)[]): Promise<void> {
  const failed = new AbortController();
  const stop = AbortSignal.any([signal, failed.signal]);
  const outcomes = await Promise.allSettled(
    parts.map(async (part) => {
      try {
        await part(stop);
      } catch (error) {
        failed.abort(error);
        throw error;
      }
    }),
  );
  const failure = outcomes.find((outcome) => outcome.status === "rejected");
  if (failure) throw failure.reason;
}

const noSecrets: SecretSource = {
  async *watch() {
    yield undefined;
  },
  run: async () => {},
};
