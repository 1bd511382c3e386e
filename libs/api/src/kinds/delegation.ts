import type { HTTPRoute, VirtualService } from "@lateen/protos/networking/v1alpha3/virtual_service_pb.js";
import type { Cursor } from "../report.ts";
import { isDnsLabel } from "../rules/hosts.ts";

/** A VirtualService without hosts is there for others to delegate to; where its rules apply is for them to say. */
export function checkDelegateSpec(spec: VirtualService, at: Cursor): void {
  if (spec.gateways.length > 0)
    at.at("hosts").error(
      "required",
      "needs at least one host; a VirtualService to delegate to has none, but then it has no gateways either",
    );
  for (const field of ["tls", "tcp"] as const) {
    if (spec[field].length > 0)
      at.at("hosts").error(
        "required",
        `needs at least one host: only http routes can be delegated to, and this has ${field}`,
      );
  }
}

/** Rules that hand over to another VirtualService; `outer` says whether they stand in one that has hosts. */
export function checkDelegation(route: HTTPRoute, outer: boolean, at: Cursor): void {
  const { delegate } = route;
  if (delegate === undefined) return;
  if (!outer)
    at.error(
      "delegate",
      "is one level too many: a VirtualService without hosts is delegated to and cannot delegate; move the rules up",
    );
  if (delegate.name === "") at.at("name").error("required", "is required: the VirtualService that has the rules");
  else if (!delegate.name.split(".").every(isDnsLabel))
    at.at("name").error("name", `${JSON.stringify(delegate.name)} is not the name of a VirtualService`);
  if (delegate.namespace !== "" && !isDnsLabel(delegate.namespace))
    at.at("namespace").error("namespace", `${JSON.stringify(delegate.namespace)} is not a namespace's name`);
  const given = [
    ...(route.route.length > 0 ? ["route"] : []),
    ...(route.redirect ? ["redirect"] : []),
    ...(route.directResponse ? ["directResponse"] : []),
  ];
  if (given.length > 0)
    at.error("conflict", `cannot be used with ${given.join(" and ")}: what to do is for the delegate to say`);
}
