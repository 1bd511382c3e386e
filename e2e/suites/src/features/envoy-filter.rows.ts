import { envoyFilterGatewayRows } from "./envoy-filter-gateways.rows.ts";
import { envoyFilterListenerRows } from "./envoy-filter-listeners.rows.ts";
import { envoyFilterRouteRows } from "./envoy-filter-routes.rows.ts";
import { envoyFilterSelectionRows } from "./envoy-filter-selection.rows.ts";
import type { Feature } from "./feature.ts";

export const envoyFilterRows: readonly Feature[] = [
  ...envoyFilterListenerRows,
  ...envoyFilterRouteRows,
  ...envoyFilterGatewayRows,
  ...envoyFilterSelectionRows,
];
