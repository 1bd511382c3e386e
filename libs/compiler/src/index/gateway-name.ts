/** The gateway name that stands for all sidecars. */
export const meshGateway = "mesh";

/** `gw` → `ns/gw`; `ns/gw` as it is; the old form `gw.ns.svc...` → `ns/gw`. */
export function gatewayName(written: string, namespace: string): string {
  if (written === meshGateway || written.includes("/")) return written;
  const [name = "", owner] = written.split(".");
  return `${owner ?? namespace}/${name}`;
}
