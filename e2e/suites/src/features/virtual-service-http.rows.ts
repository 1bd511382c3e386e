import { virtualServiceActionRows } from "./virtual-service-actions.rows.ts";
import { virtualServiceDelegateRows } from "./virtual-service-delegate.rows.ts";
import { virtualServiceHostRows } from "./virtual-service-hosts.rows.ts";
import { virtualServiceMatchRows } from "./virtual-service-matches.rows.ts";
import { virtualServiceResilienceRows } from "./virtual-service-resilience.rows.ts";
import type { Feature } from "./feature.ts";

/** What a VirtualService does with HTTP requests of sidecars and gateways. */
export const virtualServiceHttpRows: readonly Feature[] = [
  ...virtualServiceMatchRows,
  ...virtualServiceActionRows,
  ...virtualServiceResilienceRows,
  ...virtualServiceHostRows,
  ...virtualServiceDelegateRows,
];
