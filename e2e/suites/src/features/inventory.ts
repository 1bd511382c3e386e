import type { Feature } from "./feature.ts";
import { sidecarRows } from "./sidecar.rows.ts";
import { virtualServiceHttpRows } from "./virtual-service-http.rows.ts";

/** Every area of the feature table. An area that is not here does not count. */
export const areas: Readonly<Record<string, readonly Feature[]>> = {
  sidecar: sidecarRows,
  "virtual-service-http": virtualServiceHttpRows,
};
