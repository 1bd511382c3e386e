import { gatewayConnectionRows } from "./gateway-connections.rows.ts";
import { gatewayMergingRows } from "./gateway-merging.rows.ts";
import { gatewaySecretProviderRows } from "./gateway-secret-provider.rows.ts";
import { gatewayTlsParameterRows } from "./gateway-tls-parameters.rows.ts";
import { gatewayTlsRows } from "./gateway-tls.rows.ts";
import type { Feature } from "./feature.ts";

export const gatewayRows: readonly Feature[] = [
  ...gatewayTlsRows,
  ...gatewayTlsParameterRows,
  ...gatewaySecretProviderRows,
  ...gatewayConnectionRows,
  ...gatewayMergingRows,
];
