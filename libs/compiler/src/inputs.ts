import type { ScopedIndex } from "./context.ts";
import { findGateway, nameOfGateway } from "./index/gateways.ts";
import { policiesOf, scopeKey } from "./scope.ts";
import type { ProxyScope } from "./scope.ts";
import type { ConfigIndexes, MeshSnapshot } from "./snapshot.ts";

/**
 * The same object for two snapshots means that `scope` compiles to the same IR in both: nothing it reads has changed,
 * and only the endpoints lane may have work to do. Whatever is in the snapshot counts, as a whole unless it is known to
 * be read in part.
 */
export function compileInputs(snapshot: MeshSnapshot, scope: ProxyScope): object {
  const key = scopeKey(scope);
  return snapshot.inputs.get(key) ?? snapshot.inputs.take(key, elementsOf(snapshot, scope), () => ({ scope: key }));
}

type Partial =
  | ScopedIndex
  | "authorizationPolicies"
  | "telemetries"
  | "rateLimits"
  | "gateways"
  | "envoyFilters"
  | "extensions";
/** Read only for what the scope holds of them already. */
type InScope = "asksForSpans" | "peerAuthentications" | "labelKeys" | "vantage" | "networks" | "findings";
type Whole = Omit<ConfigIndexes, Partial | InScope>;

function elementsOf(snapshot: MeshSnapshot, scope: ProxyScope): readonly unknown[] {
  const { authorizationPolicies, telemetries, rateLimits, gateways, virtualServices, envoyFilters, extensions } =
    snapshot;
  const policies = [
    policiesOf(authorizationPolicies, scope),
    policiesOf(telemetries, scope),
    policiesOf(rateLimits, scope),
  ].flatMap(({ mesh, namespace, workload }) => [...mesh, undefined, ...namespace, undefined, ...workload, undefined]);
  const gateway = (ref: string): readonly unknown[] => {
    const found = findGateway(gateways, ref);
    return [found, ...(found === undefined ? [] : virtualServices.boundTo(nameOfGateway(found), scope.namespace))];
  };
  return [
    ...Object.values(wholeOf(snapshot)),
    snapshot.views.viewOf(scope),
    ...policies,
    ...scope.gateways.flatMap(gateway),
    ...[...(scope.trafficExtensions ?? []), undefined].map((ref) => ref && extensions.find(ref)),
    ...[...(scope.patches ?? []), undefined, ...(scope.unloadable ?? [])].map((ref) => ref && envoyFilters.find(ref)),
  ];
}

/** A field that is new among the indexes does not compile until it is named here or above. */
function wholeOf({ settings, trust }: MeshSnapshot): Whole {
  return { settings, trust };
}
