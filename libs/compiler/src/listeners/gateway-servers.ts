import type * as ir from "@lateen/ir";
import { compareText, formatRef, hostCovers } from "@lateen/model";
import type { MeshObject } from "@lateen/model";
import type { Context } from "../context.ts";
import { isHttp, protocolOf, serverTlsModes } from "../istio-names.ts";
import type { Gateway, GatewayServer } from "../istio.ts";

/** A server of a Gateway, on one of the ports its proxy listens on. */
export interface PlacedServer {
  readonly gateway: MeshObject<Gateway>;
  readonly server: GatewayServer;
  /** Path of the server in the object, for findings. */
  readonly path: string;
  readonly bind: string;
  readonly port: number;
  readonly hosts: readonly ServerHost[];
}

/** A host, and the namespace whose VirtualServices may use it (`*`: all). */
export interface ServerHost {
  readonly host: string;
  readonly namespace: string;
}

/** Servers that share a socket: plain HTTP ones together, or HTTPS ones told apart by server name. */
export interface ServerGroup {
  readonly bind: string;
  readonly port: number;
  readonly secure: boolean;
  readonly servers: readonly PlacedServer[];
}

/** Oldest Gateway first; a server that contradicts an older one on its socket is left out with a finding. */
export function serverGroups(context: Context): readonly ServerGroup[] {
  const selected = new Set(context.scope.gateways);
  const groups = new Map<string, { bind: string; port: number; secure: boolean; servers: PlacedServer[] }>();
  for (const gateway of context.snapshot.gateways) {
    if (!selected.has(formatRef(gateway.origin))) continue;
    for (const placed of gateway.spec.servers.flatMap((server, index) =>
      placeServer(context, gateway, server, index),
    )) {
      const secure = isSecure(placed.server);
      const key = `${placed.bind} ${placed.port}`;
      const group = groups.get(key);
      if (group === undefined) groups.set(key, { bind: placed.bind, port: placed.port, secure, servers: [placed] });
      else if (group.secure !== secure) reportConflict(context, placed, group.servers[0]);
      else if (secure) addSecure(context, group.servers, placed);
      else group.servers.push(placed);
    }
  }
  return [...groups.values()].sort((left, right) => left.port - right.port || compareText(left.bind, right.bind));
}

/** On each port of the proxy that the Gateway's port reaches: a Service in front may map 80 to 8080. */
function placeServer(
  context: Context,
  gateway: MeshObject<Gateway>,
  server: GatewayServer,
  index: number,
): readonly PlacedServer[] {
  const path = `spec.servers[${index}]`;
  const problem = notBuilt(server);
  if (problem !== undefined) {
    context.findings.warn(
      gateway.origin,
      "server-not-built",
      `${path} (port ${server.port?.number ?? 0} ${server.port?.protocol ?? ""}) ${problem}; it gets no listener`,
    );
    return [];
  }
  const number = server.port?.number ?? 0;
  const targets = new Set(
    context.scope.serves.filter((served) => served.port === number).map((served) => served.targetPort),
  );
  const hosts = server.hosts.map((host) => serverHost(host, gateway.meta.namespace));
  return [...(targets.size > 0 ? targets : [number])].map((port) => ({
    gateway,
    server,
    path,
    bind: server.bind || "0.0.0.0",
    port,
    hosts,
  }));
}

function notBuilt(server: GatewayServer): string | undefined {
  const protocol = protocolOf(server.port?.protocol ?? "");
  const mode = server.tls === undefined ? undefined : serverTlsModes[server.tls.mode];
  const terminates = mode !== undefined && mode !== "passthrough" && mode !== "auto-passthrough";
  if (isHttp(protocol)) return undefined;
  if (protocol === "https" && terminates) return undefined;
  if (protocol === "https")
    return `has tls.mode ${mode === undefined ? "unset" : mode.toUpperCase().replace("-", "_")}, and TLS routing by server name is not built`;
  return "is neither HTTP nor terminated HTTPS, and TCP and TLS routing in gateways is not built";
}

export function isSecure(server: GatewayServer): boolean {
  return protocolOf(server.port?.protocol ?? "") === "https";
}

/** `host`, `ns/host`, `./host`; `*` as namespace stands for all. */
function serverHost(written: string, owner: string): ServerHost {
  const slash = written.indexOf("/");
  const namespace = slash < 0 ? "*" : written.slice(0, slash);
  return { host: written.slice(slash + 1).toLowerCase(), namespace: namespace === "." ? owner : namespace };
}

function addSecure(context: Context, servers: PlacedServer[], placed: PlacedServer): void {
  const taken = new Map(servers.flatMap((other) => other.hosts.map((host) => [host.host, other] as const)));
  const rival = placed.hosts.map((host) => taken.get(host.host)).find((other) => other !== undefined);
  if (rival !== undefined) reportConflict(context, placed, rival);
  const hosts = placed.hosts.filter((host) => !taken.has(host.host));
  if (hosts.length > 0) servers.push({ ...placed, hosts });
}

function reportConflict(context: Context, placed: PlacedServer, rival: PlacedServer | undefined): void {
  if (rival === undefined) return;
  context.findings.warn(
    placed.gateway.origin,
    "conflicting-servers",
    `${placed.path} and ${formatRef(rival.gateway.origin)} ${rival.path} both want ${placed.bind}:${placed.port} in ways that exclude each other; the older one gets it`,
    [rival.gateway.origin],
  );
}

/** The hosts of a rule that `server` serves, each in its narrower form. */
export function servedHosts(
  server: PlacedServer,
  ruleHosts: readonly string[],
  ruleNamespace: string,
): readonly string[] {
  const found = server.hosts.flatMap(({ host, namespace }) => {
    if (namespace !== "*" && namespace !== ruleNamespace) return [];
    return ruleHosts.flatMap((wanted) =>
      hostCovers(host, wanted) ? [wanted] : hostCovers(wanted, host) ? [host] : [],
    );
  });
  return [...new Set(found)];
}

export function tableRef(group: ServerGroup, server?: PlacedServer): ir.RouteTableRef {
  const bind = group.bind === "0.0.0.0" ? "" : group.bind;
  if (server === undefined || !group.secure) return { kind: "gateway-http", port: group.port, bind };
  const { gateway } = server;
  return {
    kind: "gateway-https",
    bind,
    port: server.server.port?.number ?? group.port,
    portName: server.server.port?.name ?? "",
    gateway: gateway.meta.name,
    namespace: gateway.meta.namespace,
  };
}
