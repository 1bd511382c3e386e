import { create } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { SecretSchema } from "@lateen/protos/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import {
  type DeltaDiscoveryRequest,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
  type DiscoveryRequest,
  type DiscoveryResponse,
  DiscoveryResponseSchema,
} from "@lateen/protos/envoy/service/discovery/v3/discovery_pb.js";
import { SecretDiscoveryService } from "@lateen/protos/envoy/service/secret/v3/sds_pb.js";
import { defineService, RpcCode, RpcError, type RpcService, type TlsSource } from "@lateen/rpc";
import { mergeWithChanges } from "./merge-with-changes.ts";
import { isServed, type NamedSecret, secretNamed } from "./secrets.ts";

const typeUrl = `type.googleapis.com/${SecretSchema.typeName}`;

export interface SdsObserver {
  /** Envoy asked for a name the agent does not serve. */
  unknown(name: string): void;
  /** Envoy refused a secret. */
  refused(message: string): void;
}

/** Serves the workload's secrets to the Envoy beside the agent, again after each rotation. */
export function createSds(source: TlsSource, observer: SdsObserver): RpcService {
  return defineService(SecretDiscoveryService, {
    streamSecrets: (requests, { signal }) =>
      streamSecrets(mergeWithChanges(requests, source, signal), source, observer),
    deltaSecrets: (requests, { signal }) => deltaSecrets(mergeWithChanges(requests, source, signal), source, observer),
    fetchSecrets: async () => {
      throw new RpcError(RpcCode.UNIMPLEMENTED, "secrets are streamed; use StreamSecrets or DeltaSecrets");
    },
  });
}

/** State of the world: each answer holds every secret asked for. */
async function* streamSecrets(
  events: AsyncIterable<DiscoveryRequest | "changed">,
  source: TlsSource,
  observer: SdsObserver,
): AsyncIterable<DiscoveryResponse> {
  let names: readonly string[] = [];
  let sent = "";
  let nonce = 0;
  for await (const event of events) {
    if (event !== "changed") {
      if (event.errorDetail !== undefined) observer.refused(event.errorDetail.message);
      if (event.responseNonce !== "" && event.responseNonce !== String(nonce)) continue; // an answer overtook it
      names = tellUnknown(event.resourceNames, observer);
    }
    const secrets = availableOf(names, source);
    const version = secrets.map((secret) => `${secret.name}=${secret.version}`).join(",");
    if (secrets.length < names.length || names.length === 0 || version === sent) continue;
    sent = version;
    nonce += 1;
    yield create(DiscoveryResponseSchema, {
      typeUrl,
      versionInfo: version,
      nonce: String(nonce),
      resources: secrets.map((secret) => anyPack(SecretSchema, secret.message)),
    });
  }
}

async function* deltaSecrets(
  events: AsyncIterable<DeltaDiscoveryRequest | "changed">,
  source: TlsSource,
  observer: SdsObserver,
): AsyncIterable<DeltaDiscoveryResponse> {
  const known = new Map<string, string>(); // name → version that Envoy has, "" for none
  let nonce = 0;
  for await (const event of events) {
    if (event !== "changed") {
      if (event.errorDetail !== undefined) observer.refused(event.errorDetail.message);
      for (const name of event.resourceNamesUnsubscribe) known.delete(name);
      for (const name of tellUnknown(event.resourceNamesSubscribe, observer))
        known.set(name, event.initialResourceVersions[name] ?? "");
    }
    const fresh = availableOf([...known.keys()], source).filter((secret) => known.get(secret.name) !== secret.version);
    if (fresh.length === 0) continue;
    for (const secret of fresh) known.set(secret.name, secret.version);
    nonce += 1;
    yield create(DeltaDiscoveryResponseSchema, {
      typeUrl,
      nonce: String(nonce),
      resources: fresh.map(({ name, version, message }) => ({
        name,
        version,
        resource: anyPack(SecretSchema, message),
      })),
    });
  }
}

function tellUnknown(names: readonly string[], observer: SdsObserver): readonly string[] {
  for (const name of names) if (!isServed(name)) observer.unknown(name);
  return names.filter(isServed);
}

function availableOf(names: readonly string[], source: TlsSource): readonly NamedSecret[] {
  return names.flatMap((name) => secretNamed(name, source) ?? []);
}
