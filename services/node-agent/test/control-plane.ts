import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { create, fromJson } from "@bufbuild/protobuf";
import type { JsonObject } from "@bufbuild/protobuf";
import { anyPack, StructSchema } from "@bufbuild/protobuf/wkt";
import {
  type CertificateAuthority,
  createKeyAndCsr,
  createRootCa,
  issueWorkloadCertificate,
  joinPem,
  openCertificateAuthority,
} from "@lateen/pki";
import { AggregatedDiscoveryService } from "@lateen/protos/envoy/service/discovery/v3/ads_pb.js";
import {
  type DeltaDiscoveryRequest,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
} from "@lateen/protos/envoy/service/discovery/v3/discovery_pb.js";
import { IstioCertificateResponseSchema, IstioCertificateService } from "@lateen/protos/security/v1alpha1/ca_pb.js";
import {
  createGrpcServer,
  defineService,
  RpcCode,
  RpcError,
  type RpcService,
  type TlsMaterial,
  TlsSource,
} from "@lateen/rpc";
import type { EnvoyResource } from "./envoy-resources.ts";
import { freePort } from "./loopback.ts";

export const trustDomain = "cluster.local";
export const workload = { trustDomain, namespace: "shop", serviceAccount: "reviews" };
const token = "token-of-reviews";

export interface ControlPlaneOptions {
  /** What each proxy gets. */
  readonly resources?: readonly EnvoyResource[];
  /** Lifetime of what the CA issues, whatever is asked for; default an hour. */
  readonly ttlSeconds?: number;
  /** What pilot has to say of bootstraps, by name; default nothing. */
  readonly bootstrapPatches?: Readonly<Record<string, JsonObject>>;
  /** The CA is not there until `startCa`. */
  readonly withoutCa?: boolean;
}

/** A CA and a pilot as small as they can be, each behind TLS on a port of its own. Both end on dispose. */
export interface ControlPlane extends AsyncDisposable {
  readonly rootFile: string;
  readonly tokenFile: string;
  readonly pilotAddress: string;
  readonly caAddress: string;
  /** Who opened each xDS stream so far: a SPIFFE id, or undefined for a caller without a certificate. */
  readonly callers: readonly (string | undefined)[];
  /** What Envoy had against a resource. */
  readonly refusals: readonly string[];
  /** Milliseconds from each response to its acknowledgement. */
  readonly acknowledgedMs: readonly number[];
  startCa(): Promise<void>;
  /** A certificate of the mesh, for a client. */
  issue(serviceAccount: string): Promise<TlsMaterial>;
}

export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const folder = await mkdtemp(join(tmpdir(), "na-plane-"));
  const authority = await openCertificateAuthority(await createRootCa({ organization: trustDomain }));
  const files = { rootFile: join(folder, "root.pem"), tokenFile: join(folder, "token") };
  await writeFile(files.rootFile, authority.material.rootsPem);
  await writeFile(files.tokenFile, `${token}\n`, { mode: 0o600 });
  const serving = new TlsSource(await issue(authority, "pilot", ["localhost"]));
  const patches = (names: readonly string[]) => mergedPatches(options.bootstrapPatches ?? {}, names);
  const seen: Seen = { callers: [], refusals: [], acknowledgedMs: [], patches };
  const pilot = createGrpcServer({ services: [discovery(options.resources ?? [], seen)] });
  const { port } = await pilot.listen({ address: "127.0.0.1:0", tls: serving });
  const ca = createGrpcServer({ services: [certificates(authority, options.ttlSeconds ?? 3600)] });
  const caAddress = `127.0.0.1:${await freePort("127.0.0.1")}`;
  const startCa = async (): Promise<void> => void (await ca.listen({ address: caAddress, tls: serving }));
  if (options.withoutCa !== true) await startCa();
  return {
    ...files,
    ...seen,
    pilotAddress: `127.0.0.1:${port}`,
    caAddress,
    startCa,
    issue: (serviceAccount) => issue(authority, serviceAccount),
    async [Symbol.asyncDispose]() {
      await Promise.all([pilot.close(100), ca.close(100)]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function issue(
  authority: CertificateAuthority,
  serviceAccount: string,
  dnsNames: readonly string[] = [],
): Promise<TlsMaterial> {
  const { csrPem, privateKeyPem } = await createKeyAndCsr();
  const { chain } = await issueWorkloadCertificate(authority, {
    csrPem,
    identity: { ...workload, serviceAccount },
    dnsNames,
    ttlSeconds: 3600,
  });
  return { certificateChainPem: joinPem(...chain.slice(0, -1)), privateKeyPem, rootsPem: authority.material.rootsPem };
}

function certificates(authority: CertificateAuthority, ttlSeconds: number): RpcService {
  return defineService(IstioCertificateService, {
    async createCertificate({ csr }, { metadata }) {
      if (metadata.get("authorization") !== `Bearer ${token}`)
        throw new RpcError(RpcCode.UNAUTHENTICATED, "wrong token");
      const { chain } = await issueWorkloadCertificate(authority, { csrPem: csr, identity: workload, ttlSeconds });
      return create(IstioCertificateResponseSchema, { certChain: [...chain] });
    },
  });
}

const questionType = "lateen.io/bootstrap-patches";

/** Patches of which the later ones come over the earlier; enough as long as they set different fields. */
function mergedPatches(patches: Readonly<Record<string, JsonObject>>, wanted: readonly string[]) {
  const names = Object.keys(patches).filter((name) => wanted.length === 0 || wanted.includes(name));
  if (names.length === 0) return [];
  const value = Object.assign({}, ...names.map((name) => patches[name])) as JsonObject;
  return [{ name: names.join(","), resource: anyPack(StructSchema, fromJson(StructSchema, value)) }];
}

interface Seen {
  readonly patches: (names: readonly string[]) => ReturnType<typeof mergedPatches>;
  readonly callers: (string | undefined)[];
  readonly refusals: string[];
  readonly acknowledgedMs: number[];
}

/** Answers the first request of each type with all resources of that type. */
function discovery(resources: readonly EnvoyResource[], seen: Seen): RpcService {
  return defineService(AggregatedDiscoveryService, {
    // biome-ignore lint/correctness/useYield: it has nothing to say
    async *streamAggregatedResources() {
      throw new RpcError(RpcCode.UNIMPLEMENTED, "the agent's bootstrap asks for delta xDS");
    },
    async *deltaAggregatedResources(requests, { peer, signal }) {
      const caller = peer.kind === "tls" ? peer.spiffeId : undefined;
      yield* answers(requests, resources, { ...seen, opened: () => seen.callers.push(caller) });
      await sleep(2 ** 30, undefined, { signal });
    },
  });
}

async function* answers(
  requests: AsyncIterable<DeltaDiscoveryRequest>,
  resources: readonly EnvoyResource[],
  seen: Seen & { readonly opened: () => void },
): AsyncIterable<DeltaDiscoveryResponse> {
  const sentAt = new Map<string, number>();
  for await (const { typeUrl, errorDetail, responseNonce, resourceNamesSubscribe } of requests) {
    if (errorDetail !== undefined) seen.refusals.push(errorDetail.message);
    if (typeUrl === questionType) {
      yield create(DeltaDiscoveryResponseSchema, {
        typeUrl,
        nonce: "q1",
        resources: seen.patches(resourceNamesSubscribe),
      });
      continue;
    }
    if (sentAt.size === 0) seen.opened();
    if (responseNonce !== "") seen.acknowledgedMs.push(Date.now() - (sentAt.get(typeUrl) ?? 0));
    if (sentAt.has(typeUrl)) continue;
    sentAt.set(typeUrl, Date.now());
    yield create(DeltaDiscoveryResponseSchema, {
      typeUrl,
      nonce: `${typeUrl}/1`,
      resources: resources
        .filter((resource) => resource.typeUrl === typeUrl)
        .map(({ name, resource }) => ({ name, version: "1", resource })),
    });
  }
}
