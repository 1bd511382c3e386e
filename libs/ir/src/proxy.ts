import type { Cluster } from "./cluster.ts";
import type { Extension } from "./extension.ts";
import type { GrpcIr } from "./grpc.ts";
import type { Listener } from "./listener.ts";
import type { NameTable } from "./name-table.ts";
import type { Patch } from "./patch.ts";
import type { RouteTable } from "./route.ts";
import type { TrustAnchors } from "./trust.ts";

/**
 * Everything one proxy is told except endpoints and secrets. Each list is sorted by what its entries are, so equal
 * meshes give equal bytes; `libs/xds-build` reads nothing else.
 */
export interface ProxyIr {
  readonly clusters: readonly Cluster[];
  readonly listeners: readonly Listener[];
  readonly routeTables: readonly RouteTable[];
  /** Absent where nobody beside the proxy answers DNS queries. */
  readonly nameTable?: NameTable;
  /** For the agent, which serves the proxy what it trusts; absent where the mesh trusts its own CA alone. */
  readonly trust?: TrustAnchors;
  /** For a gRPC library instead of an Envoy; the other lists are empty then. */
  readonly grpc?: GrpcIr;
  /** Those that listeners place; absent when there are none. */
  readonly extensions?: readonly Extension[];
  /** Applied in this order to what the lists above are spelled as; absent for the usual proxy, which has none. */
  readonly patches?: readonly Patch[];
  /** Patches that bring a whole cluster, listener or extension of their own. */
  readonly additions?: readonly Patch[];
}
