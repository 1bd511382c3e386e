import type { Cursor } from "../report.ts";
import { checkFqdn, isDnsLabel } from "./hosts.ts";

/** `mesh`, `name` or `namespace/name`; a domain name is the old form of the last. */
export function checkGatewayNames(gateways: readonly string[], at: Cursor): void {
  for (const [index, gateway] of gateways.entries()) {
    const parts = gateway.split("/");
    if (parts.length === 1 && gateway !== "") checkFqdn(gateway, at.at(index));
    else if (parts.length !== 2 || !parts.every((part) => isDnsLabel(part))) {
      at.at(index).error(
        "gateway",
        `${JSON.stringify(gateway)} is not a gateway; write "name", "namespace/name" or "mesh"`,
      );
    }
  }
}
