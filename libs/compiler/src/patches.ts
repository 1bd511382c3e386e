import type * as ir from "@lateen/ir";
import type { Findings } from "./findings.ts";
import { byIdentity } from "./index/remember.ts";
import type { ProxyScope } from "./scope.ts";
import type { MeshSnapshot } from "./snapshot.ts";

type Patches = Pick<ir.ProxyIr, "patches" | "additions">;

/** What EnvoyFilters change for a scope. What its binary could not load is a finding. */
export function patchesOf(snapshot: MeshSnapshot, scope: ProxyScope, findings: Findings): Patches {
  for (const ref of scope.unloadable ?? []) {
    const { owner, patch, configTypes } = snapshot.envoyFilters.find(ref) ?? {};
    if (owner === undefined || patch === undefined || configTypes === undefined) continue;
    const message = `the proxy's Envoy does not contain what ${configTypes.join(", ")} configures: ${patch.path} is left out`;
    findings.warn(owner, "extension-missing", message);
  }
  const all = (scope.patches ?? []).flatMap((ref) => snapshot.envoyFilters.find(ref)?.patch ?? []);
  const additions = all.filter(isAddition);
  // A filter may refer to an extension by name, so these are with those that change what is there, too.
  const patches = all.filter((patch) => !isAddition(patch) || patch.target === "extension");
  return { ...(patches.length === 0 ? {} : { patches }), ...(additions.length === 0 ? {} : { additions }) };
}

function isAddition({ target, operation }: ir.Patch): boolean {
  if (target === "extension") return true;
  return (target === "cluster" || target === "listener") && (operation === "add" || operation.startsWith("insert-"));
}

/** `part` with those of `patches` that may be for its traffic: `part` itself when there are none. */
export function patchedPart(
  part: ir.ProxyIr,
  patches: readonly ir.Patch[] | undefined,
  direction: "inbound" | "outbound",
): ir.ProxyIr {
  const own = (patches ?? []).filter(({ traffic }) => traffic === "any" || traffic === direction);
  if (own.every(({ target }) => target === "extension")) return part;
  const known = made(part);
  const same = known.find(
    ({ patches: each = [] }) => each.length === own.length && each.every((patch, index) => patch === own[index]),
  );
  if (same !== undefined) return same;
  const patched = { ...part, patches: own };
  known.push(patched);
  if (known.length > remembered) known.shift();
  return patched;
}

/** The same object for the same patches: what is made of it needs to be made once, however many scopes have it. */
const made = byIdentity((_part: ir.ProxyIr): ir.ProxyIr[] => []);
const remembered = 32;

/** A part of its own for what patches add beside the others. */
export function additionsPart(additions: readonly ir.Patch[] | undefined): readonly ir.ProxyIr[] {
  return additions === undefined ? [] : [{ clusters: [], listeners: [], routeTables: [], additions }];
}
