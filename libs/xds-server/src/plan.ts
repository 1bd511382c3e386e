import type { Resource, ResourceMap } from "./resource.ts";

/** What to send so that the client gets to `goal`. */
export interface Plan {
  /** All the client should have in the end. */
  readonly goal: ResourceMap;
  /** All it will have after this answer: the goal, and what is to be removed only later. */
  readonly target: ResourceMap;
  readonly changed: readonly Resource[];
  readonly removed: readonly string[];
  /** Changed, too, but held back until it is known which of others a client refuses. */
  readonly later?: readonly Resource[];
  /** An answer is due although it says nothing new. */
  readonly due: boolean;
}

export interface PlanOptions {
  /** False leaves what is gone for a later plan. Names the client waits for are answered all the same. */
  readonly removals: boolean;
  /** Where the goal is not complete: the names that are known not to exist. */
  readonly absent?: ReadonlySet<string> | undefined;
}

/** What a request meant. A `stale` one answers something older than the last answer. */
export type Outcome =
  | { readonly kind: "subscribed" | "stale" }
  | { readonly kind: "acknowledged"; readonly plan: Plan }
  | { readonly kind: "rejected"; readonly message: string; readonly resources: readonly Resource[] };
