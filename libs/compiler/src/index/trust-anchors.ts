import type * as ir from "@lateen/ir";
import { compareText } from "@lateen/model";
import type { MeshSettings } from "../settings.ts";

/** One of MeshConfig's `caCertificates`: certificates, or where a SPIFFE bundle is fetched. */
export interface CaCertificates {
  readonly source: { readonly pem: string } | { readonly url: string };
  /** Empty: those of the mesh. */
  readonly trustDomains: readonly string[];
}

/** Certificates of SPIFFE bundles, PEM, by URL. */
export type FetchedBundles = ReadonlyMap<string, readonly string[]>;

export interface TrustSources {
  readonly fetched: FetchedBundles;
  /** Roots of the mesh's CA, by trust domain. */
  readonly own: readonly { readonly trustDomain: string; readonly roots: readonly string[] }[];
}

/** Undefined where the mesh trusts its own CA alone. */
export function trustAnchors(settings: MeshSettings, { fetched, own }: TrustSources): ir.TrustAnchors | undefined {
  const { caCertificates, trustDomain, trustDomainAliases } = settings;
  if (caCertificates.length === 0) return undefined;
  const mesh = [...new Set([trustDomain, ...trustDomainAliases])].sort();
  const anchors = caCertificates.map(({ source, trustDomains }) => ({
    roots: "pem" in source ? [source.pem] : (fetched.get(source.url) ?? []),
    domains: trustDomains.length === 0 ? mesh : [...new Set(trustDomains)].sort(),
  }));
  const isOfMesh = (domains: readonly string[]): boolean => domains.join() === mesh.join();
  const roots = distinct(anchors.flatMap((anchor) => (isOfMesh(anchor.domains) ? anchor.roots : [])));
  if (anchors.every(({ domains }) => isOfMesh(domains))) return { roots, trustDomains: [] };
  const meshRoots = own.filter((each) => mesh.includes(each.trustDomain)).flatMap((each) => each.roots);
  const all = new Set([...mesh, ...anchors.flatMap(({ domains }) => domains)]);
  const trustDomains = [...all].sort(compareText).map((domain) => ({
    trustDomain: domain,
    roots: distinct([
      ...(mesh.includes(domain) ? meshRoots : []),
      ...anchors.flatMap((anchor) => (anchor.domains.includes(domain) ? anchor.roots : [])),
    ]),
  }));
  return { roots, trustDomains };
}

function distinct(roots: readonly string[]): readonly string[] {
  return [...new Set(roots)];
}
