import type * as ir from "@lateen/ir";
import type { Finding } from "@lateen/model";
import { outboundClusters } from "../clusters/outbound.ts";
import { createContext, indexClusters } from "../context.ts";
import type { Context } from "../context.ts";
import { Findings } from "../findings.ts";
import { compileInputs } from "../inputs.ts";
import { hostForm, shortNames } from "../routes/domains.ts";
import type { ProxyScope } from "../scope.ts";
import type { MeshSnapshot } from "../snapshot.ts";
import { grpcCluster } from "./clusters.ts";
import { grpcServers } from "./servers.ts";
import { grpcTables } from "./tables.ts";

/**
 * What an application whose gRPC library speaks xDS is told (Istio's "proxyless" gRPC), in two parts: for its calls,
 * the same object for all that nothing tells apart when they call out, and for its servers. The rules are those for a
 * sidecar, as far as a gRPC library has a counterpart; what it has none for is among the findings.
 */
export function compileGrpc(snapshot: MeshSnapshot, scope: ProxyScope, findings: Findings): readonly ir.ProxyIr[] {
  const calls = clientSide(snapshot, scope);
  for (const finding of calls.findings) findings.add(finding);
  const servers = grpcServers(createContext(snapshot, scope, findings));
  return [calls.part, partOf({ ...nothing, servers })];
}

const nothing: ir.GrpcIr = { clients: [], servers: [], tables: [], clusters: [] };

function partOf(grpc: ir.GrpcIr): ir.ProxyIr {
  return { clusters: [], listeners: [], routeTables: [], grpc };
}

interface ClientSide {
  readonly part: ir.ProxyIr;
  readonly findings: readonly Finding[];
}

/** A cache of a pure function, held weakly as for sidecars. */
const remembered = new WeakMap<object, WeakRef<ClientSide>>();

function clientSide(snapshot: MeshSnapshot, scope: ProxyScope): ClientSide {
  const caller: ProxyScope = {
    ...scope,
    bind: "",
    serves: [],
    policies: [],
    peerModes: { all: "permissive", ports: {} },
  };
  const inputs = compileInputs(snapshot, caller);
  const earlier = remembered.get(inputs)?.deref();
  if (earlier !== undefined) return earlier;
  const side = compileClientSide(snapshot, caller);
  remembered.set(inputs, new WeakRef(side));
  return side;
}

function compileClientSide(snapshot: MeshSnapshot, scope: ProxyScope): ClientSide {
  const findings = new Findings();
  const base = createContext(snapshot, scope, findings);
  const possible = outboundClusters(base).flatMap((cluster) => {
    const spoken = grpcCluster(base, cluster);
    return spoken === undefined ? [] : [{ cluster, spoken }];
  });
  const context = { ...base, clusters: indexClusters(possible.map(({ cluster }) => cluster)) };
  const tables = grpcTables(context);
  const clusters = possible.map(({ spoken }) => spoken);
  const part = partOf({ ...nothing, clients: clientsOf(context, tables), tables, clusters });
  return { part, findings: findings.list() };
}

/** A full name keeps its target; a short form that two services could have goes to the first. */
function clientsOf(context: Context, tables: readonly ir.GrpcTable[]): readonly ir.GrpcClient[] {
  const byTarget = new Map(tables.map(({ service }) => [targetOf(service.host, service.port), service]));
  for (const { service } of tables) {
    for (const name of shortNames(service.host, context.scope.dnsDomain)) {
      const target = targetOf(name, service.port);
      if (!byTarget.has(target)) byTarget.set(target, service);
    }
  }
  return [...byTarget].map(([target, service]) => ({ target, service }));
}

function targetOf(name: string, port: number): string {
  return `${hostForm(name)}:${port}`;
}
