import { isGatewayTarget } from "@lateen/model";
import type { Attachments, TargetReference } from "@lateen/model";
import type { Cursor } from "../report.ts";

export interface Attached extends Attachments {
  /** Any selector by labels, with the name of its field. */
  readonly selector: { readonly field: string; readonly value: unknown };
}

/** What only a waypoint can enforce. */
const ofWaypoints = ["/Service", "networking.istio.io/ServiceEntry", "gateway.networking.k8s.io/GatewayClass"];

export function checkTargets({ selector, targetRef, targetRefs = [] }: Attached, at: Cursor): void {
  const given = [
    ...(selector.value === undefined ? [] : [selector.field]),
    ...(targetRef === undefined ? [] : ["targetRef"]),
    ...(targetRefs.length === 0 ? [] : ["targetRefs"]),
  ];
  const [first = "", second] = given;
  if (second !== undefined) at.at(first).error("conflict", `cannot be used with ${second}; keep one of them`);
  if (targetRef !== undefined) checkTarget(targetRef, at.at("targetRef"));
  for (const [index, target] of targetRefs.entries()) checkTarget(target, at.at("targetRefs", index));
}

function checkTarget(target: TargetReference, at: Cursor): void {
  const { group, kind, name, namespace } = target;
  if (name === "") at.at("name").error("required", "is required: the name of what it is attached to");
  if (namespace !== "")
    at.at("namespace").error("conflict", "must be left out: only what is in the object's own namespace can be meant");
  if (isGatewayTarget(target)) return;
  const what = `${group === "core" ? "" : group}/${kind}`;
  if (ofWaypoints.includes(what))
    at.error(
      "not-built",
      `${kind} is enforced by waypoints, which are not built yet, so it would be enforced nowhere; attach it to a Gateway, or use a selector`,
    );
  else
    at.at("kind").error(
      "kind",
      `${JSON.stringify(what)} is nothing to attach to; a Gateway of gateway.networking.k8s.io is. For a Gateway of networking.istio.io use a selector with its labels`,
    );
}
