import type { HTTPMatchRequest, HTTPRoute } from "@lateen/protos/networking/v1alpha3/virtual_service_pb.js";
import type { Cursor } from "../report.ts";

/** Routes are tried in order: what follows one that matches everything is never reached (Istio's IST0130). */
export function checkVisibleRoutes(routes: readonly HTTPRoute[], at: Cursor): void {
  // What a delegate matches is not said here.
  const all = routes.findIndex(
    (route) => !route.delegate && (route.match.length === 0 || route.match.some(matchesEverything)),
  );
  if (all < 0) return;
  for (let index = all + 1; index < routes.length; index++) {
    const name = routes[all]?.name ? ` (${JSON.stringify(routes[all]?.name)})` : "";
    at.at(index).warning(
      "IST0130",
      `is never reached: http[${all}]${name} before it matches every request; put it first`,
    );
  }
}

function matchesEverything(match: HTTPMatchRequest): boolean {
  const { uri } = match;
  const anyPath = uri === undefined || (uri.matchType.case === "prefix" && uri.matchType.value === "/");
  const anyElse =
    !match.scheme && !match.method && !match.authority && match.port === 0 && match.sourceNamespace === "";
  const maps = [match.headers, match.withoutHeaders, match.queryParams, match.sourceLabels];
  return anyPath && anyElse && match.gateways.length === 0 && maps.every((map) => Object.keys(map).length === 0);
}
