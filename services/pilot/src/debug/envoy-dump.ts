import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { AnySchema, anyPack } from "@bufbuild/protobuf/wkt";
import type { Any } from "@bufbuild/protobuf/wkt";
import { BootstrapConfigDumpSchema, SecretsConfigDumpSchema } from "@lateen/protos/envoy/admin/v3/config_dump_pb.js";
import {
  ClustersConfigDumpSchema,
  EcdsConfigDumpSchema,
  EndpointsConfigDumpSchema,
  ListenersConfigDumpSchema,
  RoutesConfigDumpSchema,
  ScopedRoutesConfigDumpSchema,
} from "@lateen/protos/envoy/admin/v3/config_dump_shared_pb.js";
import { messageTypes } from "@lateen/protos/types";
import { RouteConfigurationSchema } from "@lateen/protos/envoy/config/route/v3/route_pb.js";
import { VirtualHostSchema } from "@lateen/protos/envoy/config/route/v3/route_components_pb.js";
import {
  clusterType,
  endpointType,
  extensionConfigType,
  listenerType,
  routeType,
  virtualHostType,
} from "@lateen/xds-server";
import type { Resource, ResourceMap } from "@lateen/xds-server";
import { canonical } from "./canonical.ts";

export type Offered = ReadonlyMap<string, ResourceMap>;

/**
 * What Envoy's own `/config_dump` must show when it has everything: the same sections in the same order. Secrets are not
 * in it; Envoy's has them redacted.
 */
export function envoyDump(offered: Offered, options: { readonly endpoints: boolean }): readonly Any[] {
  const of = (typeUrl: string): readonly Any[] => [...(offered.get(typeUrl)?.values() ?? [])].map(inOrder);
  const listeners = [...(offered.get(listenerType)?.values() ?? [])];
  return [
    section(BootstrapConfigDumpSchema, {}),
    section(ClustersConfigDumpSchema, { dynamicActiveClusters: of(clusterType).map((cluster) => ({ cluster })) }),
    ...(options.endpoints
      ? [
          section(EndpointsConfigDumpSchema, {
            dynamicEndpointConfigs: of(endpointType).map((endpointConfig) => ({ endpointConfig })),
          }),
        ]
      : []),
    section(ListenersConfigDumpSchema, {
      dynamicListeners: listeners.map((one) => ({ name: one.name, activeState: { listener: inOrder(one) } })),
    }),
    section(ScopedRoutesConfigDumpSchema, {}),
    section(RoutesConfigDumpSchema, {
      dynamicRouteConfigs: routesOf(offered).map((routeConfig) => ({ routeConfig })),
    }),
    section(SecretsConfigDumpSchema, {}),
    section(EcdsConfigDumpSchema, { ecdsFilters: of(extensionConfigType).map((ecdsFilter) => ({ ecdsFilter })) }),
  ];
}

function section<D extends DescMessage>(schema: D, content: Parameters<typeof create<D>>[1]): Any {
  return anyPack(schema, create(schema, content) as MessageShape<D>);
}

/** The resource in an Any, in the byte order that istioctl compares. */
function inOrder({ any }: Resource): Any {
  return fromBinary(AnySchema, canonical(AnySchema, any, messageTypes));
}

/** Tables that came host by host as Envoy shows them: whole, the hosts by name. */
function routesOf(offered: Offered): readonly Any[] {
  const hosts = [...(offered.get(virtualHostType)?.values() ?? [])];
  return [...(offered.get(routeType)?.values() ?? [])].map((resource) => {
    const own = hosts.filter(({ name }) => name.slice(0, name.lastIndexOf("/")) === resource.name);
    if (own.length === 0) return inOrder(resource);
    const table = fromBinary(RouteConfigurationSchema, fromBinary(AnySchema, resource.any).value);
    const parts = own.map(({ any }) => fromBinary(VirtualHostSchema, fromBinary(AnySchema, any).value));
    table.virtualHosts = [...table.virtualHosts, ...parts].sort((left, right) => (left.name < right.name ? -1 : 1));
    const encoded = toBinary(RouteConfigurationSchema, table);
    return create(AnySchema, {
      typeUrl: routeType,
      value: canonical(RouteConfigurationSchema, encoded, messageTypes),
    });
  });
}
