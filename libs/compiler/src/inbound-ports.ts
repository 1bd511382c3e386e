import type * as ir from "@lateen/ir";
import { formatRef } from "@lateen/model";
import { sharesMachine } from "./addressing.ts";
import { proxyRef } from "./context.ts";
import type { Context } from "./context.ts";
import { captureModes, protocolOf } from "./istio-names.ts";
import { nowhere } from "./index/locality.ts";
import type { ConnectionPool, ServerTls } from "./istio.ts";
import type { ServiceRecord } from "./index/service-record.ts";
import type { ServedPort } from "./scope.ts";
import { portPolicy } from "./clusters/traffic-policy.ts";

/** A port on which calls to the application come in. */
export interface InboundPort {
  readonly number: number;
  /** Gives it a protocol and names. */
  readonly service: ServedPort;
  /** What names of routes and traces say of it, where a Sidecar lists it: not the service's. */
  readonly called?: Pick<ServedPort, "host" | "port">;
  /** The Sidecar that lists it, as `Sidecar/namespace/name`. */
  readonly rule?: string;
  /** Services it stands for. */
  readonly services: readonly ServedPort[];
  /** A socket of its own at this address; absent: it is captured. */
  readonly bind?: string;
  /** Where the application is, if not where the caller wanted to go. */
  readonly endpoint?: InboundEndpoint;
  /** TLS that ends here for callers outside the mesh. */
  readonly tls?: ServerTls;
  readonly pool?: ConnectionPool;
}

export type InboundEndpoint =
  | { readonly kind: "fixed"; readonly address: string; readonly port: number }
  /** The workload's own address, whichever it is. */
  | { readonly kind: "instance"; readonly port: number };

/** Those a Sidecar lists, else those of the services the workload is in. */
export function inboundPorts(context: Context): readonly InboundPort[] {
  const byPort = Map.groupBy(context.scope.serves, (served) => served.targetPort);
  const ingress = context.view.sidecar?.spec.ingress ?? [];
  if (ingress.length > 0) return ingress.map((listener) => ingressPort(context, listener, byPort));
  // At the pod's own address the application listens itself; only a Sidecar says where the proxy should.
  if (context.scope.interception === "none" && !sharesMachine(context.scope)) return [];
  return [...byPort].flatMap(([number, services]) => {
    const [service, ...others] = services;
    if (service === undefined) return [];
    tellOfProtocols(context, service, others);
    const { interception, bind } = context.scope;
    return [
      {
        number,
        service,
        services,
        ...(interception === "none" ? { bind } : {}),
        ...(interception === "none" || context.settings.inboundPolicy === "localhost"
          ? { endpoint: { kind: "fixed" as const, address: loopbackOf(context), port: number } }
          : {}),
        ...poolOf(context, service),
      },
    ];
  });
}

const loopback = "127.0.0.1";

function loopbackOf({ scope }: Context): string {
  return scope.families === "v6" ? "::1" : loopback;
}

type Ingress = NonNullable<Context["view"]["sidecar"]>["spec"]["ingress"][number];

function ingressPort(
  context: Context,
  listener: Ingress,
  byPort: ReadonlyMap<number, readonly ServedPort[]>,
): InboundPort {
  const { sidecar } = context.view;
  const number = listener.port?.number ?? 0;
  const services = byPort.get(number) ?? [];
  const [known] = services;
  const namespace = context.scope.namespace;
  const name = sidecar?.meta.name ?? "";
  const nameless = {
    ...{ targetPort: number, port: number, portName: listener.port?.name ?? "" },
    ...{ host: `${name}.${namespace}`, name, namespace, platform: false },
  };
  const captured = context.scope.interception !== "none" && captureModes[listener.captureMode] !== "none";
  const pool = listener.connectionPool ?? sidecar?.spec.inboundConnectionPool;
  return {
    number,
    service: { ...(known ?? nameless), protocol: protocolAt(listener) },
    services,
    called: nameless,
    ...(sidecar === undefined ? {} : { rule: formatRef(sidecar.origin) }),
    ...(captured ? {} : { bind: listener.bind || context.scope.bind }),
    ...endpointOf(context, listener, captured),
    ...(listener.tls === undefined ? {} : { tls: listener.tls }),
    ...(pool === undefined ? (known === undefined ? {} : poolOf(context, known)) : { pool }),
  };
}

/** Where TLS ends at the proxy, what is left is HTTP or bytes. */
function protocolAt({ port, tls }: Ingress): ServedPort["protocol"] {
  const protocol = protocolOf(port?.protocol ?? "");
  if (tls === undefined) return protocol;
  return protocol === "https" ? "http" : protocol === "tls" ? "tcp" : protocol;
}

function endpointOf(
  context: Context,
  { defaultEndpoint, port }: Ingress,
  captured: boolean,
): { readonly endpoint?: InboundEndpoint } {
  const number = port?.number ?? 0;
  if (defaultEndpoint.startsWith("unix:")) return { endpoint: { kind: "fixed", address: defaultEndpoint, port: 0 } };
  const cut = defaultEndpoint.lastIndexOf(":");
  const address = defaultEndpoint.slice(0, cut);
  const own = Number(defaultEndpoint.slice(cut + 1));
  switch (address) {
    case "127.0.0.1":
      return { endpoint: { kind: "fixed", address: loopback, port: own } };
    case "[::1]":
      return { endpoint: { kind: "fixed", address: "::1", port: own } };
    case "0.0.0.0":
    case "[::]":
      if (captured) return { endpoint: { kind: "instance", port: own } };
      return { endpoint: { kind: "fixed", address: boundAddress(context), port: own } };
    default:
      return captured ? {} : { endpoint: { kind: "fixed", address: loopback, port: number } };
  }
}

/** Of a proxy that shares its machine, the address it has there. */
function boundAddress({ scope }: Context): string {
  return scope.bind === "0.0.0.0" ? loopback : scope.bind;
}

/** What the service's DestinationRule grants its callers holds for the server's side, too, as in Istio. */
function poolOf(context: Context, served: ServedPort): { readonly pool?: ConnectionPool } {
  const inbound = context.view.sidecar?.spec.inboundConnectionPool;
  if (inbound !== undefined) return { pool: inbound };
  const service = ownService(context, served);
  if (service === undefined) return {};
  const pool = portPolicy(context.settings, {
    policy: context.policyFor(service),
    subset: "",
    port: served.port,
  }).connectionPool;
  return pool === undefined ? {} : { pool };
}

function ownService(context: Context, { host, namespace }: ServedPort): ServiceRecord | undefined {
  const service = context.services.byHost.get(host);
  return service?.namespace === namespace ? service : undefined;
}

/** The DestinationRule whose settings hold for the server's side. */
export function ruleAt(context: Context, { service: served }: InboundPort): string | undefined {
  const service = ownService(context, served);
  const policy = service === undefined ? undefined : context.policyFor(service);
  return policy?.trafficPolicy === undefined ? undefined : formatRef(policy.origin);
}

function tellOfProtocols(context: Context, service: ServedPort, others: readonly ServedPort[]): void {
  const different = others.find((other) => other.protocol !== service.protocol);
  if (different === undefined) return;
  context.findings.warn(
    proxyRef(context),
    "conflicting-protocols",
    `the application's port ${service.targetPort} is ${service.protocol} for service "${service.host}" and ${different.protocol} for "${different.host}"; it is treated as ${service.protocol}`,
  );
}

/** As a cluster finds it. */
export function discoveryOf(
  { endpoint }: InboundPort,
  source: { readonly sourceAddresses?: readonly string[] },
): ir.Discovery {
  if (endpoint?.kind === "fixed") {
    const { address, port } = endpoint;
    return {
      kind: "static",
      localities: [{ ...nowhere, endpoints: [{ address, port, weight: 1, mutualTls: false }] }],
    };
  }
  const port = endpoint === undefined ? {} : { port: endpoint.port };
  return { kind: "original-destination", ...source, ...port };
}
