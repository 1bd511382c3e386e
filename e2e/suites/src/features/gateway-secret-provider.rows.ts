import { create } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { endpointSlice } from "@lateen/e2e-harness";
import { type Secret, SecretSchema } from "@lateen/protos/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import {
  type DiscoveryRequest,
  type DiscoveryResponse,
  DiscoveryResponseSchema,
} from "@lateen/protos/envoy/service/discovery/v3/discovery_pb.js";
import { SecretDiscoveryService } from "@lateen/protos/envoy/service/secret/v3/sds_pb.js";
import { createGrpcServer, defineService, RpcCode, RpcError } from "@lateen/rpc";
import type { Feature, FeatureContext } from "./feature.ts";
import { client, clientRoot, server } from "./gateway-tls-material.ts";
import { accepted, httpsGateway, refused } from "./gateway-tls.rows.ts";

const provider = (field: string): string => `MeshConfig.extensionProviders.sds.${field}`;

function inline(pem: string) {
  return { specifier: { case: "inlineBytes" as const, value: Buffer.from(pem) } };
}

/** The pair of the servers of all rows, and under a name with `-cacert` the authority of their clients. */
function secretOf(name: string): Secret {
  const { certificate, privateKey } = server;
  const pair = { certificateChain: inline(certificate), privateKey: inline(privateKey) };
  return create(SecretSchema, {
    name,
    type: name.endsWith("-cacert")
      ? { case: "validationContext", value: { trustedCa: inline(clientRoot) } }
      : { case: "tlsCertificate", value: pair },
  });
}

/** Knows its secrets by what Istio calls them: without `sds://`. */
async function* answers(requests: AsyncIterable<DiscoveryRequest>): AsyncIterable<DiscoveryResponse> {
  for await (const { resourceNames, responseNonce, typeUrl } of requests) {
    if (responseNonce !== "") continue; // it was taken
    const resources = resourceNames
      .filter((name) => !name.includes("://"))
      .map((name) => anyPack(SecretSchema, secretOf(name)));
    yield create(DiscoveryResponseSchema, { typeUrl, versionInfo: "1", nonce: "1", resources });
  }
}

/** A service of secrets, as a user would run one beside a vault. */
async function secretService(port: number): Promise<AsyncDisposable> {
  const service = defineService(SecretDiscoveryService, {
    streamSecrets: (requests) => answers(requests),
    deltaSecrets: () => {
      throw new RpcError(RpcCode.UNIMPLEMENTED, "ask by StreamSecrets");
    },
    fetchSecrets: async () => {
      throw new RpcError(RpcCode.UNIMPLEMENTED, "ask by StreamSecrets");
    },
  });
  const quiet = { debug() {}, info() {}, warn() {}, error() {} };
  const running = createGrpcServer({ services: [service], logger: quiet });
  await running.listen({ address: `127.0.0.1:${port}` });
  return { [Symbol.asyncDispose]: () => running.close(0) };
}

function vault(row: FeatureContext): readonly object[] {
  const at = row.named("vault");
  const place = { service: at.name, portName: "grpc", address: "127.0.0.1", port: row.ports(1) };
  return [...row.service({ suffix: "vault", portName: "grpc", port: row.ports(2), to: [] }), endpointSlice(at, place)];
}

/** Secrets that do not come from the control plane. */
export const gatewaySecretProviderRows: readonly Feature[] = [
  {
    name: "a service that the mesh names gives a gateway its certificate and authorities",
    fields: [provider("name"), provider("service"), provider("port")],
    alone: true,
    meshConfig: (row) => {
      const service = row.mesh.host(row.named("vault").name);
      return { extensionProviders: [{ name: "secrets", sds: { name: row.slug, service, port: row.ports(2) } }] };
    },
    manifests: (row) => [...vault(row), ...httpsGateway(row, { mode: "MUTUAL", credentialName: "sds://orders" })],
    check: async (row) => {
      await using _service = await secretService(row.ports(1));
      await row.eventually(() => accepted(row, { as: client }));
      await refused(row);
    },
  },
];
