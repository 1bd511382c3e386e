import type * as ir from "@lateen/ir";
import type { Context } from "./context.ts";
import type { ServedPort } from "./scope.ts";

/** What the mesh's pattern for statistics can name. */
interface Counted {
  readonly host: string;
  readonly name: string;
  readonly namespace: string;
  /** Of a platform's registry: its short name says it all. */
  readonly platform: boolean;
  readonly port: number;
  readonly portName: string;
  readonly targetPort: number;
  readonly subset: string;
}

type Named = Pick<ir.Cluster, "statName">;

/** What statistics call an outbound cluster, or a connection to it alone, where the mesh has a pattern for it. */
export function outboundStatName({ services, settings }: Context, ref: ir.ClusterRef): Named {
  const pattern = settings.statNames.outbound;
  if (pattern === "" || (ref.kind !== "outbound" && ref.kind !== "sni")) return {};
  const service = services.byHost.get(ref.host);
  if (service === undefined) return {};
  const { host, name, namespace, platform, ports } = service;
  const portName = ports.find(({ number }) => number === ref.port)?.name ?? "";
  const { port, subset } = ref;
  return { statName: filled(pattern, { host, name, namespace, platform, port, portName, targetPort: 0, subset }) };
}

/** As `outboundStatName`, of a port on which calls come in. */
export function inboundStatName({ settings }: Context, service: ServedPort): Named {
  const pattern = settings.statNames.inbound;
  return pattern === "" ? {} : { statName: filled(pattern, { ...service, subset: "" }) };
}

/** https://github.com/istio/istio/blob/1.28.0/pilot/pkg/networking/telemetry/telemetry.go#L38 */
function filled(pattern: string, counted: Counted): string {
  const { host, name, namespace, platform } = counted;
  const values: Readonly<Record<string, string>> = {
    SERVICE: platform ? `${name}.${namespace}` : host,
    SERVICE_NAME: platform ? name : host,
    SERVICE_FQDN: host,
    SERVICE_PORT: String(counted.port),
    SERVICE_PORT_NAME: counted.portName,
    TARGET_PORT: String(counted.targetPort),
    SUBSET_NAME: counted.subset,
  };
  return pattern.replaceAll(/%([A-Z_]+)%/g, (written, variable: string) => values[variable] ?? written);
}
