import type { Any } from "@bufbuild/protobuf/wkt";
import type * as ir from "@lateen/ir";
import { Cluster_DnsLookupFamily } from "@lateen/protos/envoy/config/cluster/v3/cluster_pb.js";
import { ClusterConfigSchema } from "@lateen/protos/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster_pb.js";
import type { DnsCacheConfigSchema } from "@lateen/protos/envoy/extensions/common/dynamic_forward_proxy/v3/dns_cache_pb.js";
import { FilterConfigSchema as RequestLookupSchema } from "@lateen/protos/envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy_pb.js";
import { FilterConfigSchema as ConnectionLookupSchema } from "@lateen/protos/envoy/extensions/filters/network/sni_dynamic_forward_proxy/v3/sni_dynamic_forward_proxy_pb.js";
import { typed } from "./messages.ts";
import type { Init } from "./messages.ts";
import { dnsCacheName } from "./naming.ts";

export const lookupFamilies = {
  v4: Cluster_DnsLookupFamily.V4_ONLY,
  v6: Cluster_DnsLookupFamily.V6_ONLY,
  all: Cluster_DnsLookupFamily.ALL,
} as const;

/**
 * Envoy refuses a second configuration of a cache that is in use under its name, so all else is left to its defaults:
 * https://github.com/envoyproxy/envoy/blob/v1.36.2/source/extensions/common/dynamic_forward_proxy/dns_cache_manager_impl.cc
 */
function cacheConfig(cache: ir.DnsCache): Init<typeof DnsCacheConfigSchema> {
  return { name: dnsCacheName(cache), dnsLookupFamily: lookupFamilies[cache.family] };
}

/** Unless a cluster checks that the host of each request is who answers, Envoy wants to be told that this is meant. */
export function lookupCluster(cache: ir.DnsCache, { autoSni, autoSanValidation }: ir.UpstreamHttp) {
  const verifies = autoSni === true && autoSanValidation === true;
  return {
    name: "envoy.clusters.dynamic_forward_proxy",
    typedConfig: typed(ClusterConfigSchema, {
      clusterImplementationSpecifier: { case: "dnsCacheConfig", value: cacheConfig(cache) },
      ...(verifies ? {} : { allowInsecureClusterOptions: true }),
    }),
  };
}

export function requestLookup(cache: ir.DnsCache): Any {
  return typed(RequestLookupSchema, {
    implementationSpecifier: { case: "dnsCacheConfig", value: cacheConfig(cache) },
  });
}

export function connectionLookup({ cache, port }: NonNullable<ir.TcpHandler["lookup"]>): Any {
  return typed(ConnectionLookupSchema, {
    dnsCacheConfig: cacheConfig(cache),
    portSpecifier: { case: "portValue", value: port },
  });
}
