import { create } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import type * as ir from "@lateen/ir";
import { TrafficDirection } from "@lateen/protos/envoy/config/core/v3/base_pb.js";
import {
  FilterChainMatchSchema,
  FilterChainSchema,
  ListenerFilterSchema,
} from "@lateen/protos/envoy/config/listener/v3/listener_components_pb.js";
import type { FilterChain, ListenerFilter } from "@lateen/protos/envoy/config/listener/v3/listener_components_pb.js";
import { ListenerSchema } from "@lateen/protos/envoy/config/listener/v3/listener_pb.js";
import type { Listener } from "@lateen/protos/envoy/config/listener/v3/listener_pb.js";
import { HttpInspectorSchema } from "@lateen/protos/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.js";
import { OriginalDstSchema } from "@lateen/protos/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.js";
import { TlsInspectorSchema } from "@lateen/protos/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js";
import { httpManager } from "./http-manager.ts";
import { cidrRange } from "./matchers.ts";
import { duration, istioMetadata, optionalDuration, socketAddress, typed } from "./messages.ts";
import type { Init } from "./messages.ts";
import { clusterName, configPath, listenerName } from "./naming.ts";
import { tcpFilters } from "./tcp.ts";
import { downstreamSocket } from "./transport.ts";

export function buildListener(listener: ir.Listener): Listener {
  return create(ListenerSchema, {
    name: listenerName(listener.ref),
    address: socketAddress(listener.bind, listener.port),
    additionalAddresses: (listener.alsoBind ?? []).map((address) => ({
      address: socketAddress(address, listener.port),
    })),
    trafficDirection: listener.direction === "inbound" ? TrafficDirection.INBOUND : TrafficDirection.OUTBOUND,
    ...(listener.bindToPort ? {} : { bindToPort: false }),
    ...(listener.useOriginalDestination ? { useOriginalDst: true } : {}),
    ...(listener.transparent ? { transparent: true } : {}),
    listenerFilters: listener.inspectors.map((name) => inspectors[name]),
    ...(listener.inspectors.length === 0
      ? {}
      : {
          listenerFiltersTimeout: duration(listener.inspectionTimeoutMs ?? 0),
          continueOnListenerFiltersTimeout: true,
        }),
    filterChains: listener.chains.map((chain) => filterChain(listener, chain)),
    ...(listener.fallback === undefined ? {} : { defaultFilterChain: filterChain(listener, listener.fallback) }),
  });
}

function inspector(name: string, config: Any): ListenerFilter {
  return create(ListenerFilterSchema, { name, configType: { case: "typedConfig", value: config } });
}

const inspectors: Readonly<Record<ir.Listener["inspectors"][number], ListenerFilter>> = {
  "original-destination": inspector("envoy.filters.listener.original_dst", typed(OriginalDstSchema, {})),
  tls: inspector("envoy.filters.listener.tls_inspector", typed(TlsInspectorSchema, {})),
  http: inspector("envoy.filters.listener.http_inspector", typed(HttpInspectorSchema, {})),
};

function filterChain(listener: ir.Listener, chain: ir.FilterChain): FilterChain {
  const statName = chain.name.kind === "address" ? listenerName(chain.name) : listenerName(listener.ref);
  return create(FilterChainSchema, {
    name: chain.name.kind === "none" ? "" : chain.name.kind === "fixed" ? chain.name.name : listenerName(chain.name),
    ...chainMatch(chain.match),
    ...(chain.tls === undefined ? {} : { transportSocket: downstreamSocket(chain.tls) }),
    ...optionalDuration("transportSocketConnectTimeout", chain.handshakeTimeoutMs),
    ...(chain.rule === undefined ? {} : { metadata: istioMetadata({ config: configPath(chain.rule) }) }),
    filters: chain.handler.kind === "http" ? [httpManager(chain.handler, statName)] : tcpFilters(chain.handler),
  });
}

function chainMatch(match: ir.ChainMatch): Init<typeof FilterChainSchema> {
  const { destinationPort, destinationRanges = [], serverNames = [], transport, applicationProtocols = [] } = match;
  if (Object.keys(match).length === 0) return {};
  return {
    filterChainMatch: create(FilterChainMatchSchema, {
      ...(destinationPort === undefined ? {} : { destinationPort }),
      prefixRanges: destinationRanges.map(cidrRange),
      serverNames: serverNames.map((name) => (typeof name === "string" ? name : clusterName(name))),
      transportProtocol: transport === undefined ? "" : transport === "raw" ? "raw_buffer" : "tls",
      applicationProtocols: [...applicationProtocols],
    }),
  };
}
