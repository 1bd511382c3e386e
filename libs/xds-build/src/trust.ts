import { create, toBinary } from "@bufbuild/protobuf";
import type * as ir from "@lateen/ir";
import { TrustAnchorsSchema } from "@lateen/protos/mesh/identity/v1/trust_anchors_pb.js";
import { ProxyConfigSchema } from "@lateen/protos/mesh/v1alpha1/proxy_pb.js";
import { packResource } from "./resources.ts";
import type { BuiltResource } from "./resources.ts";
import { typeUrls } from "./type-urls.ts";

/** There is one of each, and agents ask for it without a name. */
const name = "";

/** As our agents read them. */
export function trustResource({ roots, trustDomains }: ir.TrustAnchors): BuiltResource {
  const message = create(TrustAnchorsSchema, {
    rootsPem: [...roots],
    trustDomains: trustDomains.map((each) => ({ trustDomain: each.trustDomain, rootsPem: [...each.roots] })),
  });
  const { trustAnchors } = typeUrls;
  return { typeUrl: trustAnchors, name, ...packResource(trustAnchors, toBinary(TrustAnchorsSchema, message)) };
}

/** As Istio's agents read them (PCDS), who know no trust domains: those of the mesh. */
export function proxyConfigResource({ roots }: ir.TrustAnchors): BuiltResource {
  const message = create(ProxyConfigSchema, { caCertificatesPem: [...roots] });
  const { proxyConfig } = typeUrls;
  return { typeUrl: proxyConfig, name, ...packResource(proxyConfig, toBinary(ProxyConfigSchema, message)) };
}
