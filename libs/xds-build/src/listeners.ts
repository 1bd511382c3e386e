import { create } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import type * as ir from "@lateen/ir";
import { TrafficDirection } from "@lateen/protos/envoy/config/core/v3/base_pb.js";
import {
  FilterChainMatchSchema,
  FilterChainSchema,
  type ListenerFilterChainMatchPredicateSchema,
  ListenerFilterSchema,
} from "@lateen/protos/envoy/config/listener/v3/listener_components_pb.js";
import type { FilterChain, ListenerFilter } from "@lateen/protos/envoy/config/listener/v3/listener_components_pb.js";
import { ListenerSchema } from "@lateen/protos/envoy/config/listener/v3/listener_pb.js";
import type { Listener } from "@lateen/protos/envoy/config/listener/v3/listener_pb.js";
import { HttpInspectorSchema } from "@lateen/protos/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.js";
import { OriginalDstSchema } from "@lateen/protos/envoy/extensions/filters/listener/original_dst/v3/original_dst_pb.js";
import { OriginalSrcSchema } from "@lateen/protos/envoy/extensions/filters/listener/original_src/v3/original_src_pb.js";
import { ProxyProtocolSchema } from "@lateen/protos/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.js";
import { TlsInspectorSchema } from "@lateen/protos/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js";
import { buildAccessLog } from "./access-logs.ts";
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
    ...(listener.bindToPort ? oneAtATime : { bindToPort: false }),
    ...(listener.useOriginalDestination ? { useOriginalDst: true } : {}),
    ...(listener.transparent ? { transparent: true } : {}),
    ...(listener.exactBalance ? exactBalance : {}),
    ...(listener.bufferLimitBytes === undefined ? {} : { perConnectionBufferLimitBytes: listener.bufferLimitBytes }),
    listenerFilters: listener.inspectors.map((name) => inspector(listener, name)),
    ...(listener.inspectors.length === 0
      ? {}
      : {
          listenerFiltersTimeout: duration(listener.inspectionTimeoutMs ?? 0),
          continueOnListenerFiltersTimeout: true,
        }),
    filterChains: listener.chains.map((chain) => filterChain(chain, listenerName(listener.ref))),
    ...(listener.fallback === undefined
      ? {}
      : { defaultFilterChain: filterChain(listener.fallback, listenerName(listener.ref)) }),
    accessLog: (listener.accessLogs ?? []).map((log) => buildAccessLog(log)),
  });
}

const exactBalance: Init<typeof ListenerSchema> = {
  connectionBalanceConfig: { balanceType: { case: "exactBalance", value: {} } },
};

/** Under a burst of connections those that are there already get their turn in between. */
const oneAtATime: Init<typeof ListenerSchema> = { maxConnectionsToAcceptPerSocketEvent: 1 };

type Inspector = ir.Listener["inspectors"][number];

/** The mark by which a proxy's connections under a caller's address are known to the rules of traffic capture. */
const sourceMark = 1337;

/** What most hellos need; the buffer grows with those that are longer. Envoy's own default is 64 KiB a connection. */
const helloBytes = 512;

const inspectors: Readonly<Record<Inspector, readonly [name: string, config: Any]>> = {
  "proxy-protocol": ["envoy.filters.listener.proxy_protocol", typed(ProxyProtocolSchema, {})],
  "original-destination": ["envoy.filters.listener.original_dst", typed(OriginalDstSchema, {})],
  "original-source": ["envoy.filters.listener.original_src", typed(OriginalSrcSchema, { mark: sourceMark })],
  tls: ["envoy.filters.listener.tls_inspector", typed(TlsInspectorSchema, { initialReadBufferSize: helloBytes })],
  http: ["envoy.filters.listener.http_inspector", typed(HttpInspectorSchema, {})],
};

function inspector({ uninspected }: ir.Listener, which: Inspector): ListenerFilter {
  const [name, value] = inspectors[which];
  const ports = which === "tls" || which === "http" ? (uninspected?.[which] ?? []) : [];
  const configType = { case: "typedConfig" as const, value };
  return create(ListenerFilterSchema, {
    name,
    configType,
    ...(ports.length === 0 ? {} : { filterDisabled: at(ports) }),
  });
}

type Predicate = Init<typeof ListenerFilterChainMatchPredicateSchema>;

function at(ports: readonly number[]): Predicate {
  const [first = 0, ...others] = ports;
  const one = (port: number): Predicate => ({
    rule: { case: "destinationPortRange", value: { start: port, end: port + 1 } },
  });
  if (others.length === 0) return one(first);
  return { rule: { case: "orMatch", value: { rules: ports.map(one) } } };
}

const builtChains = new WeakMap<ir.FilterChain, Map<string, FilterChain>>();

/** The very same message for the same chain: many are in the listeners of all workloads. */
function filterChain(chain: ir.FilterChain, listener: string): FilterChain {
  const known = builtChains.get(chain) ?? new Map<string, FilterChain>();
  builtChains.set(chain, known);
  const built = known.get(listener) ?? buildFilterChain(chain, listener);
  known.set(listener, built);
  return built;
}

function buildFilterChain(chain: ir.FilterChain, listener: string): FilterChain {
  const statName = chain.name.kind === "address" ? listenerName(chain.name) : listener;
  return create(FilterChainSchema, {
    name: chain.name.kind === "none" ? "" : chain.name.kind === "fixed" ? chain.name.name : listenerName(chain.name),
    ...chainMatch(chain.match),
    ...(chain.tls === undefined ? {} : { transportSocket: downstreamSocket(chain.tls) }),
    ...optionalDuration("transportSocketConnectTimeout", chain.handshakeTimeoutMs),
    ...(chain.rule === undefined ? {} : { metadata: istioMetadata({ config: configPath(chain.rule) }) }),
    filters: chain.handler.kind === "http" ? [httpManager(chain.handler, statName)] : [...tcpFilters(chain.handler)],
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
