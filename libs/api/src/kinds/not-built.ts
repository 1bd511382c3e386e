/** Kinds that Istio's users have and this version refuses by name, with what to do about it. */
export interface UnbuiltKind {
  readonly group: string;
  /** `*`: every kind of the group. */
  readonly kind: string;
  readonly remedy: string;
}

export const unbuiltKinds: readonly UnbuiltKind[] = [
  {
    group: "security.istio.io",
    kind: "RequestAuthentication",
    remedy: "check tokens with an external authorizer (AuthorizationPolicy, action CUSTOM)",
  },
  { group: "install.istio.io", kind: "IstioOperator", remedy: "install with the Helm chart and its values" },
  { group: "gateway.networking.k8s.io", kind: "*", remedy: "use Gateway and VirtualService of networking.istio.io" },
  { group: "gateway.networking.x-k8s.io", kind: "*", remedy: "use Gateway and VirtualService of networking.istio.io" },
  { group: "inference.networking.k8s.io", kind: "*", remedy: "use Gateway and VirtualService of networking.istio.io" },
  {
    group: "inference.networking.x-k8s.io",
    kind: "*",
    remedy: "use Gateway and VirtualService of networking.istio.io",
  },
  { group: "multicluster.x-k8s.io", kind: "*", remedy: "services are not exported between clusters" },
];
