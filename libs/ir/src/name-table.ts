/** What a proxy's agent answers its application's DNS queries with; everything else it asks elsewhere. */
export interface NameTable {
  /** Sorted by host, each once. */
  readonly names: readonly NameRecord[];
}

export interface NameRecord {
  /** A full name, or a wildcard for every name under it. */
  readonly host: string;
  /** At least one. */
  readonly addresses: readonly string[];
  /** Set for names of cluster services, which also go by their short forms. */
  readonly cluster?: { readonly shortName: string; readonly namespace: string };
}
