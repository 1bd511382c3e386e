import type * as ir from "@lateen/ir";
import { compareText, formatRef, hostCovers } from "@lateen/model";
import type { MeshObject } from "@lateen/model";
import type { Context } from "../context.ts";
import { serverPath } from "../ingress/gateway.ts";
import { isHttp, protocolOf, serverTlsModes } from "../istio-names.ts";
import type { Gateway, GatewayServer } from "../istio.ts";

/** How a server treats a connection: as HTTP, plain or in TLS that ends here; as bytes, likewise; or by server name only. */
export type ServerKind = "http" | "https" | "tcp" | "tls" | "passthrough" | "auto-passthrough";

/** A server of a Gateway, on one of the ports its proxy listens on. */
export interface PlacedServer {
  readonly gateway: MeshObject<Gateway>;
  readonly server: GatewayServer;
  readonly kind: ServerKind;
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

/** Servers that share a socket: plain HTTP ones together, or those under TLS told apart by server name, or one TCP server. */
export interface ServerGroup {
  readonly bind: string;
  readonly port: number;
  readonly sharing: "http" | "server-name" | "none";
  readonly servers: readonly PlacedServer[];
  /** Of younger servers without TLS: what names no server of those under TLS, as Istio has it. */
  readonly plain?: ServerGroup;
}

interface OpenGroup extends ServerGroup {
  readonly servers: PlacedServer[];
  plain?: OpenGroup;
}

/** Oldest Gateway first; a server that contradicts an older one on its socket is left out with a finding. */
export function serverGroups(context: Context): readonly ServerGroup[] {
  const selected = new Set(context.scope.gateways);
  const groups = new Map<string, OpenGroup>();
  for (const gateway of context.snapshot.gateways) {
    if (!selected.has(formatRef(gateway.origin))) continue;
    const placed = gateway.spec.servers.flatMap((server, index) => placeServer(context, gateway, server, index));
    for (const server of placed) {
      const key = `${server.bind} ${server.port}`;
      const group = groups.get(key);
      if (group === undefined) groups.set(key, groupOf(server));
      else addTo(context, group, server);
    }
  }
  return [...groups.values()].sort((left, right) => left.port - right.port || compareText(left.bind, right.bind));
}

function sharingOf(kind: ServerKind): ServerGroup["sharing"] {
  return kind === "http" ? "http" : kind === "tcp" ? "none" : "server-name";
}

function groupOf(server: PlacedServer): OpenGroup {
  return { bind: server.bind, port: server.port, sharing: sharingOf(server.kind), servers: [server] };
}

function addTo(context: Context, group: OpenGroup, placed: PlacedServer): void {
  const sharing = sharingOf(placed.kind);
  if (group.sharing === "server-name" && sharing !== "server-name") {
    if (group.plain === undefined) group.plain = groupOf(placed);
    else addTo(context, group.plain, placed);
    return;
  }
  const [oldest] = group.servers;
  if (group.sharing !== sharing || sharing === "none") {
    reportConflict(
      context,
      placed,
      oldest,
      `wants ${placed.bind}:${placed.port} for ${placed.server.port?.protocol ?? ""}, which ${describe(oldest)} has for ${oldest?.server.port?.protocol ?? ""}; it gets no listener`,
    );
  } else if (sharing === "http") group.servers.push(placed);
  else addSecure(context, group.servers, placed);
}

/** On each port of the proxy that the Gateway's port reaches: a Service in front may map 80 to 8080. */
function placeServer(
  context: Context,
  gateway: MeshObject<Gateway>,
  server: GatewayServer,
  index: number,
): readonly PlacedServer[] {
  const path = serverPath(gateway, index);
  const kind = kindOf(server);
  if (kind === undefined) {
    context.findings.warn(
      gateway.origin,
      "server-not-built",
      `${path} (port ${server.port?.number ?? 0} ${server.port?.protocol ?? ""}) cannot be served by a gateway; it gets no listener. Use an HTTP protocol, HTTPS or TLS with tls, or TCP`,
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
    kind,
    path,
    bind: server.bind || context.scope.bind,
    port,
    hosts,
  }));
}

/** Undefined for UDP, and for HTTPS and TLS without settings. */
function kindOf(server: GatewayServer): ServerKind | undefined {
  const protocol = protocolOf(server.port?.protocol ?? "");
  if (isHttp(protocol)) return "http";
  if (protocol === "udp" || protocol === "auto") return undefined;
  if (protocol !== "https" && protocol !== "tls") return "tcp";
  const mode = server.tls === undefined ? undefined : serverTlsModes[server.tls.mode];
  if (mode === undefined || mode === "passthrough" || mode === "auto-passthrough") return mode;
  return protocol === "https" ? "https" : "tls";
}

/** `host`, `ns/host`, `./host`; `*` as namespace stands for all. */
function serverHost(written: string, owner: string): ServerHost {
  const slash = written.indexOf("/");
  const namespace = slash < 0 ? "*" : written.slice(0, slash);
  return { host: written.slice(slash + 1).toLowerCase(), namespace: namespace === "." ? owner : namespace };
}

/** Two servers under TLS with one host could not be told apart: the older one keeps it. */
function addSecure(context: Context, servers: PlacedServer[], placed: PlacedServer): void {
  const taken = new Map(servers.flatMap((other) => other.hosts.map((host) => [host.host, other] as const)));
  const hosts = placed.hosts.filter(({ host }) => {
    const rival = taken.get(host);
    if (rival === undefined) return true;
    reportConflict(
      context,
      placed,
      rival,
      `wants the host "${host}" on ${placed.bind}:${placed.port}, which ${describe(rival)} has; it does not get it`,
    );
    return false;
  });
  if (hosts.length > 0) servers.push({ ...placed, hosts });
}

export function describe(server: PlacedServer | undefined): string {
  return server === undefined ? "another server" : `the older ${formatRef(server.gateway.origin)} ${server.path}`;
}

function reportConflict(
  context: Context,
  placed: PlacedServer,
  rival: PlacedServer | undefined,
  message: string,
): void {
  const related = rival === undefined ? [] : [rival.gateway.origin];
  context.findings.warn(placed.gateway.origin, "conflicting-servers", `${placed.path} ${message}`, related);
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
  const bind = group.servers[0]?.server.bind ?? "";
  if (server === undefined || group.sharing === "http") return { kind: "gateway-http", port: group.port, bind };
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

/** As an SNI match; none where every name will do. */
export function serverNameMatch(names: readonly string[]): Pick<ir.ChainMatch, "serverNames"> {
  return names.includes("*") ? {} : { serverNames: [...new Set(names)].sort(compareText) };
}
