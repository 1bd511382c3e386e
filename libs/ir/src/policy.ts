import type { HeaderMatch, StringMatch } from "./matching.ts";
import type { ClusterRef } from "./refs.ts";

/** A condition on a connection or request. */
export type Predicate =
  | { readonly kind: "always" }
  | { readonly kind: "all" | "any"; readonly of: readonly Predicate[] }
  | { readonly kind: "not"; readonly of: Predicate }
  /** The caller's certified identity, with `spiffe://`. */
  | { readonly kind: "peer"; readonly match: StringMatch }
  | {
      readonly kind: "source-address" | "client-address" | "destination-address";
      readonly address: string;
      readonly length: number;
    }
  | { readonly kind: "header"; readonly header: HeaderMatch }
  | { readonly kind: "path"; readonly match: StringMatch }
  | { readonly kind: "path-template"; readonly template: string }
  | { readonly kind: "destination-port"; readonly port: number }
  | { readonly kind: "server-name"; readonly match: StringMatch };

/** Matches when one permission and one principal do. */
export interface PolicyRule {
  readonly id: string;
  readonly permissions: readonly Predicate[];
  readonly principals: readonly Predicate[];
}

export interface RuleSet {
  readonly action: "allow" | "deny" | "log";
  readonly rules: readonly PolicyRule[];
}

/** One authorization step. `dryRun` is evaluated and counted, never enforced. */
export interface Authorization {
  readonly enforce?: RuleSet;
  readonly dryRun?: RuleSet;
}

/** What `rules` match is for another to decide. The names of rules begin with `prefix`, which no other step's do. */
export type ExternalAuthorization = AskedAuthorization | UnaskedAuthorization;

/** There is nobody to ask: it is refused. */
export interface UnaskedAuthorization {
  readonly kind: "refuse";
  readonly provider: string;
  readonly rules: RuleSet;
}

export interface AskedAuthorization {
  readonly kind: "ask";
  readonly provider: string;
  readonly prefix: string;
  readonly rules: RuleSet;
  readonly service: ExternalService;
  readonly failOpen: boolean;
  readonly clearRouteCache: boolean;
  readonly statusOnError?: number;
  readonly body?: { readonly maxBytes: number; readonly allowPartial: boolean; readonly asBytes: boolean };
}

export type ExternalService =
  | { readonly kind: "grpc"; readonly cluster: ClusterRef; readonly authority: string; readonly timeoutMs: number }
  | {
      readonly kind: "http";
      readonly cluster: ClusterRef;
      readonly host: string;
      readonly timeoutMs: number;
      readonly pathPrefix: string;
      readonly requestHeaders: readonly StringMatch[];
      readonly addedHeaders: Readonly<Record<string, string>>;
      readonly upstreamHeadersOnAllow: readonly StringMatch[];
      readonly downstreamHeadersOnDeny: readonly StringMatch[];
      readonly downstreamHeadersOnAllow: readonly StringMatch[];
    };

/** A call to the rate-limit service for the rules of one stage. */
export interface RateLimiting {
  readonly cluster: ClusterRef;
  readonly stage: number;
  readonly denyOnFailure: boolean;
  readonly timeoutMs: number;
}

export interface RateLimitRule {
  /** `<namespace>/<object>/<rule>`: the value of the descriptor's `rule` entry. */
  readonly id: string;
  readonly stage: number;
  readonly headers: readonly HeaderMatch[];
  readonly countBy: readonly (
    | { readonly kind: "header"; readonly name: string }
    | { readonly kind: "client-address" | "principal" }
  )[];
}
