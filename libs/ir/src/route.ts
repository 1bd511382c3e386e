import type { HeaderMatch, QueryMatch, StringMatch } from "./matching.ts";
import type { RateLimitRule } from "./policy.ts";
import type { ClusterRef, RouteTableRef } from "./refs.ts";

export interface RouteTable {
  readonly ref: RouteTableRef;
  readonly virtualHosts: readonly VirtualHost[];
  /** Requests for several ports come here, so a host's port counts. */
  readonly matchPorts?: true;
  /** What a rejection of this table may be about, as `Kind/namespace/name`. */
  readonly origins: readonly string[];
}

export interface VirtualHost {
  readonly kind: "service" | "allow-any" | "allow-any-looked-up" | "block-all" | "black-hole" | "inbound";
  /** The host the rules are about; `*` for the fallbacks. */
  readonly host: string;
  readonly port: number;
  readonly domains: readonly string[];
  readonly routes: readonly Route[];
  readonly requireTls?: boolean;
  /** Requests do not say which attempt they are; absent: outbound ones do. */
  readonly attempts?: "uncounted";
  /** Servers learn the host that was asked for where it is rewritten. */
  readonly forwardsHost?: true;
  readonly rateLimits?: readonly RateLimitRule[];
}

export interface Route {
  readonly name: string;
  readonly match: RouteMatch;
  readonly action: RouteAction;
  /** What a trace calls it. */
  readonly operation: string;
  readonly requestHeaders?: HeaderChanges;
  readonly responseHeaders?: HeaderChanges;
  readonly fault?: Fault;
  readonly cors?: Cors;
  readonly statPrefix?: string;
  /** The rule behind it, as `Kind/namespace/name`. */
  readonly rule?: string;
  /** Where the rule is written when that is another object, which `rule` delegates to. */
  readonly delegate?: string;
}

export interface RouteMatch {
  /** `elements`: a prefix that ends where the path does, or before a `/`. */
  readonly path: { readonly kind: "prefix" | "elements" | "exact" | "regex"; readonly value: string };
  readonly ignorePathCase?: boolean;
  readonly headers?: readonly HeaderMatch[];
  readonly query?: readonly QueryMatch[];
}

export type RouteAction = Forward | Redirect | Respond;

export interface Forward {
  readonly kind: "forward";
  readonly targets: readonly WeightedTarget[];
  /** 0: none. */
  readonly timeoutMs: number;
  readonly retry?: RetryPolicy;
  readonly rewrite?:
    | { readonly kind: "prefix"; readonly value: string }
    | { readonly kind: "regex"; readonly pattern: string; readonly substitution: string };
  readonly hostRewrite?: string;
  /** What is looked up, instead of the host of the request. */
  readonly lookupHost?: string;
  readonly mirrors?: readonly Mirror[];
  readonly hash?: readonly HashPolicy[];
  /** Tells a sniffing server inside the mesh that the bytes under TLS are HTTP. */
  readonly announceHttp?: boolean;
}

export interface WeightedTarget {
  readonly cluster: ClusterRef;
  readonly weight: number;
  readonly requestHeaders?: HeaderChanges;
  readonly responseHeaders?: HeaderChanges;
  readonly hostRewrite?: string;
}

export interface Mirror {
  readonly cluster: ClusterRef;
  readonly percent: number;
}

export interface Redirect {
  readonly kind: "redirect";
  readonly status: 301 | 302 | 303 | 307 | 308;
  readonly host?: string;
  readonly path?: string;
  readonly prefixRewrite?: string;
  readonly scheme?: string;
  readonly port?: number;
}

export interface Respond {
  readonly kind: "respond";
  readonly status: number;
  readonly body?: string;
  readonly bodyBase64?: string;
}

export interface HeaderChanges {
  /** In order; `append` keeps what is there. */
  readonly put?: readonly { readonly name: string; readonly value: string; readonly append: boolean }[];
  readonly remove?: readonly string[];
}

export interface RetryPolicy {
  readonly attempts: number;
  readonly retryOn: string;
  readonly statusCodes?: readonly number[];
  readonly perTryTimeoutMs?: number;
  readonly backoffMs?: number;
  readonly avoidPreviousHosts: boolean;
  readonly preferOtherPriorities?: boolean;
  /** Times another host is looked for; 0 leaves Envoy's default. */
  readonly hostSelectionAttempts: number;
}

export interface Fault {
  readonly delay?: { readonly durationMs: number; readonly percent: number };
  readonly abort?: { readonly percent: number } & (
    | { readonly kind: "http"; readonly status: number }
    | { readonly kind: "grpc"; readonly status: number }
  );
}

export interface Cors {
  readonly origins: readonly StringMatch[];
  readonly methods: readonly string[];
  readonly headers: readonly string[];
  readonly exposeHeaders: readonly string[];
  readonly maxAgeSeconds?: number;
  readonly credentials?: boolean;
  readonly forwardUnmatchedPreflights: boolean;
}

export type HashPolicy =
  | { readonly kind: "header"; readonly name: string }
  | {
      readonly kind: "cookie";
      readonly name: string;
      readonly path: string;
      readonly ttlMs?: number;
      readonly attributes?: readonly { readonly name: string; readonly value: string }[];
    }
  | { readonly kind: "source-ip" }
  | { readonly kind: "query"; readonly name: string };
