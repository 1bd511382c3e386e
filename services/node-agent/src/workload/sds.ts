import { create } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import type { Node } from "@lateen/protos/envoy/config/core/v3/base_pb.js";
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
import { hasProvider } from "./key-provider.ts";
import type { PeerTrust } from "./peer-trust.ts";
import { isServed, type NamedSecret, secretNamed, type SecretWishes } from "./secrets.ts";

const typeUrl = `type.googleapis.com/${SecretSchema.typeName}`;

export interface SdsObserver {
  /** Envoy asked for a name the agent does not serve. */
  unknown(name: string): void;
  /** Envoy refused a secret. */
  refused(message: string): void;
  /** Envoy has no extension of this name. With `fallback` it computes with the key itself; else it will refuse the key. */
  noKeyProvider(name: string, fallback: boolean): void;
}

export interface SdsOptions {
  readonly source: TlsSource;
  readonly wishes: SecretWishes;
  /** Of the workload itself. */
  readonly trustDomain: string;
  /** Whom it trusts besides. */
  readonly trust: PeerTrust;
  readonly observer: SdsObserver;
}

/** Serves the workload's secrets to the Envoy beside the agent, again after each rotation and change of trust. */
export function createSds(serving: SdsOptions): RpcService {
  const sources = [serving.source, serving.trust];
  return defineService(SecretDiscoveryService, {
    streamSecrets: (requests, { signal }) => streamSecrets(mergeWithChanges(requests, sources, signal), serving),
    deltaSecrets: (requests, { signal }) => deltaSecrets(mergeWithChanges(requests, sources, signal), serving),
    fetchSecrets: async () => {
      throw new RpcError(RpcCode.UNIMPLEMENTED, "secrets are streamed; use StreamSecrets or DeltaSecrets");
    },
  });
}

/** State of the world: each answer holds every secret asked for. */
async function* streamSecrets(
  events: AsyncIterable<DiscoveryRequest | "changed">,
  serving: SdsOptions,
): AsyncIterable<DiscoveryResponse> {
  const { observer } = serving;
  let { wishes } = serving;
  let names: readonly string[] = [];
  let sent = "";
  let nonce = 0;
  for await (const event of events) {
    if (event !== "changed") {
      if (event.node !== undefined) wishes = possibleFor(event.node, serving);
      if (event.errorDetail !== undefined) observer.refused(event.errorDetail.message);
      if (event.responseNonce !== "" && event.responseNonce !== String(nonce)) continue; // an answer overtook it
      names = tellUnknown(event.resourceNames, observer);
    }
    const secrets = availableOf(names, serving, wishes);
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
  serving: SdsOptions,
): AsyncIterable<DeltaDiscoveryResponse> {
  const { observer } = serving;
  let { wishes } = serving;
  const known = new Map<string, string>(); // name → version that Envoy has, "" for none
  let nonce = 0;
  for await (const event of events) {
    if (event !== "changed") {
      if (event.node !== undefined) wishes = possibleFor(event.node, serving);
      if (event.errorDetail !== undefined) observer.refused(event.errorDetail.message);
      for (const name of event.resourceNamesUnsubscribe) known.delete(name);
      for (const name of tellUnknown(event.resourceNamesSubscribe, observer))
        known.set(name, event.initialResourceVersions[name] ?? "");
    }
    const fresh = availableOf([...known.keys()], serving, wishes).filter(
      (secret) => known.get(secret.name) !== secret.version,
    );
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

function availableOf(
  names: readonly string[],
  { source, trustDomain, trust }: SdsOptions,
  wishes: SecretWishes,
): readonly NamedSecret[] {
  const parts = { ...wishes, trustDomain, anchors: trust.current };
  return names.flatMap((name) => secretNamed(name, source, parts) ?? []);
}

/** Envoy lists its extensions with its first request. Without the one that is asked for it takes no key for it at all. */
function possibleFor({ extensions }: Node, { wishes, observer }: SdsOptions): SecretWishes {
  const { keyProvider, ...others } = wishes;
  if (keyProvider === undefined || hasProvider(extensions, keyProvider)) return wishes;
  observer.noKeyProvider(keyProvider.name, keyProvider.fallback);
  return keyProvider.fallback ? others : wishes;
}
