/** Who vouches for peers beside the CA that a proxy has its own certificate of. Texts are PEM, of one certificate or several. */
export interface TrustAnchors {
  /** For the mesh's trust domain and its aliases. */
  readonly roots: readonly string[];
  /**
   * Sorted. Where there are any, a peer's trust domain decides whose word counts; those of the mesh hold `roots` and the
   * CA's own, too.
   */
  readonly trustDomains: readonly TrustDomainRoots[];
}

export interface TrustDomainRoots {
  readonly trustDomain: string;
  readonly roots: readonly string[];
}
