/** What a proxy does to headers where that is not what all proxies do. */
export interface HeaderHandling {
  /** `untouched`: the application's own; else the name a proxy gives itself. */
  readonly server?: "untouched" | { readonly name: string };
  /** Requests without an id stay without. */
  readonly requestIds?: "as-they-come";
  /** None of Envoy's own is added to requests and answers. */
  readonly envoyHeaders?: "none";
  /** Servers learn the port that the client came to. */
  readonly forwardsPort?: true;
  /** HTTP/1 headers go on in the case they came in. */
  readonly keepsCase?: true;
  readonly peer?: PeerHandling;
  readonly peerDetails?: PeerDetails;
}

/** What becomes of the header that describes the caller's certificate (X-Forwarded-Client-Cert). */
export type PeerHandling = "sanitize" | "forward-only" | "append-forward" | "sanitize-set" | "always-forward-only";

/** What that header says of a caller with a certificate. */
export interface PeerDetails {
  readonly subject: boolean;
  readonly certificate: boolean;
  readonly chain: boolean;
  readonly dns: boolean;
  readonly uri: boolean;
}
