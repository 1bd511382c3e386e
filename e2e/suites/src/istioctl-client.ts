import { create, fromBinary } from "@bufbuild/protobuf";
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { AggregatedDiscoveryService } from "@lateen/protos/envoy/service/discovery/v3/ads_pb.js";
import {
  type DiscoveryRequest,
  DiscoveryRequestSchema,
  type DiscoveryResponse,
} from "@lateen/protos/envoy/service/discovery/v3/discovery_pb.js";
import { ClientConfigSchema, ConfigStatus } from "@lateen/protos/envoy/service/status/v3/csds_pb.js";
import { createClient, openChannel } from "@lateen/rpc";

/**
 * Asks one question as istioctl does: one request on a state-of-the-world stream, with a node that looks like a sidecar's
 * and a nonce that no server has given, and one answer, which it does not acknowledge.
 * https://github.com/istio/istio/blob/1.27.0/istioctl/pkg/xds/client.go
 */
export async function askAsIstioctl(
  address: string,
  question: { readonly typeUrl: string; readonly names?: readonly string[] },
): Promise<DiscoveryResponse> {
  const channel = openChannel(address, { kind: "plaintext" });
  const abort = new AbortController();
  const requests = async function* (): AsyncGenerator<DiscoveryRequest> {
    yield create(DiscoveryRequestSchema, {
      typeUrl: question.typeUrl,
      resourceNames: [...(question.names ?? [])],
      responseNonce: new Date().toISOString(),
      node: {
        id: "sidecar~~test-1.default~default.svc.cluster.local",
        metadata: {
          GENERATOR: "event",
          NAMESPACE: "istio-system",
          SERVICE_ACCOUNT: "default",
          ISTIO_VERSION: "65536.65536.65536",
        },
      },
    });
    await new Promise((resolve) => abort.signal.addEventListener("abort", resolve, { once: true }));
  };
  try {
    const client = createClient(AggregatedDiscoveryService, channel);
    const call = client.streamAggregatedResources(requests(), { signal: abort.signal });
    for await (const response of call) if (response.typeUrl === question.typeUrl) return response;
    throw new Error("the stream ended without an answer");
  } finally {
    abort.abort();
    channel.close();
  }
}

export interface StatusRow {
  readonly name: string;
  readonly cluster: string;
  readonly istiod: string;
  readonly version: string;
  /** By the last part of the type's name. */
  readonly types: Readonly<Record<string, string>>;
  readonly errors: readonly string[];
}

/** What `istioctl proxy-status` prints of an answer. */
export function statusRows(response: DiscoveryResponse): readonly StatusRow[] {
  const { ID: istiod } = controlPlaneOf(response);
  return response.resources.map((resource) => {
    const { node, genericXdsConfigs } = unpack(ClientConfigSchema, resource);
    const text = (name: string): string => String(node?.metadata?.[name] ?? "");
    return {
      name: node?.id ?? "",
      cluster: text("CLUSTER_ID"),
      istiod,
      version: text("ISTIO_VERSION"),
      types: Object.fromEntries(
        genericXdsConfigs.map(({ typeUrl, configStatus }) => [
          typeUrl.slice(typeUrl.lastIndexOf(".") + 1),
          ConfigStatus[configStatus] ?? "",
        ]),
      ),
      errors: genericXdsConfigs.flatMap(({ errorState }) => errorState?.details ?? []),
    };
  });
}

/** Who answered; istioctl shows it in the column ISTIOD, and its version. */
export function controlPlaneOf(response: DiscoveryResponse): {
  readonly Component: string;
  readonly ID: string;
  readonly Info: { readonly version: string };
} {
  return JSON.parse(response.controlPlane?.identifier ?? "{}") as ReturnType<typeof controlPlaneOf>;
}

/** The section of a dump; istioctl looks for it by type, in Envoy's dump and in ours. */
export function sectionOf<D extends DescMessage>(schema: D, dump: readonly Any[]): MessageShape<D> {
  const found = dump.find(({ typeUrl }) => typeUrl.endsWith(`/${schema.typeName}`));
  if (found === undefined) throw new Error(`the dump has no ${schema.typeName}`);
  return fromBinary(schema, found.value);
}

function unpack<D extends DescMessage>(schema: D, any: Any): MessageShape<D> {
  if (any.typeUrl !== `type.googleapis.com/${schema.typeName}`)
    throw new Error(`a ${any.typeUrl} is no ${schema.typeName}`);
  return fromBinary(schema, any.value);
}
