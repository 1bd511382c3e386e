import type { MeshSnapshot } from "@lateen/compiler";
import { RpcCode, RpcError } from "@lateen/rpc";
import { fields, toError, withSpan } from "@lateen/runtime";
import type { Logger } from "@lateen/runtime";
import type { ConnectedProxy, ResourceSet, ResourceSource } from "@lateen/xds-server";
import type { Publication } from "../mesh/feed.ts";
import type { Latest } from "../mesh/latest.ts";
import type { PilotMetrics } from "../metrics.ts";
import { nodeOf } from "../proxies/connected-node.ts";
import type { ResourceLibrary, ScopeResources } from "./library.ts";

export interface MeshResourcesOptions {
  readonly published: Latest<Publication>;
  readonly library: ResourceLibrary;
  readonly logger: Logger;
  readonly metrics: PilotMetrics;
}

/**
 * What xds-server serves: for each proxy the resources of its scope, at every revision. A result that must not be
 * published (it refers to what it does not define, or cannot be built) leaves the proxy with what it has, and its
 * revision behind, so that nobody takes the change for live.
 */
export function meshResources(options: MeshResourcesOptions): ResourceSource {
  return {
    async *watch(proxy, signal) {
      let served = false;
      for await (const { snapshot } of options.published.watch(signal)) {
        const ahead = served ? options.library.endpointsAhead(snapshot, nodeOf(proxy)) : undefined;
        if (ahead !== undefined) yield ahead;
        const set = await publishable(options, { snapshot, proxy, served });
        if (set === undefined) continue;
        served = true;
        yield set;
      }
    },
  };
}

interface Wanted {
  readonly snapshot: MeshSnapshot;
  readonly proxy: ConnectedProxy;
  /** The proxy has a set already. */
  readonly served: boolean;
}

async function publishable(options: MeshResourcesOptions, wanted: Wanted): Promise<ResourceSet | undefined> {
  const { snapshot, proxy, served } = wanted;
  const { library, metrics } = options;
  let resources: ScopeResources;
  try {
    resources = await withSpan("pilot.resources", { revision: snapshot.revision }, () => library.resources(snapshot, nodeOf(proxy)));
  } catch (error) {
    metrics.refused.inc({ reason: "build" });
    logRefusal(options, wanted, { [fields.error]: toError(error) });
    if (served) return undefined;
    throw new RpcError(RpcCode.INTERNAL, "the proxy's configuration cannot be built", { cause: error });
  }
  if (resources.dangling.length === 0) return resources.set;
  metrics.refused.inc({ reason: "dangling_reference" });
  const names = resources.dangling.map(({ kind, name, usedBy }) => `${kind} ${name} used by ${usedBy}`);
  logRefusal(options, wanted, { [fields.reason]: `undefined names: ${names.slice(0, 10).join("; ")}`, [fields.count]: names.length });
  return served ? undefined : resources.set; // a proxy with nothing is better off with all that does work
}

function logRefusal({ logger }: MeshResourcesOptions, { snapshot, proxy, served }: Wanted, why: object): void {
  const message = served ? "configuration is not published, the last good one serves" : "configuration of a new proxy has faults";
  logger.error({ [fields.proxy]: proxy.id, [fields.revision]: String(snapshot.revision), ...why }, message);
}
