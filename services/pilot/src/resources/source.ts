import { RpcCode, RpcError } from "@lateen/rpc";
import { withSpan } from "@lateen/runtime";
import type { ResourceSet, ResourceSource } from "@lateen/xds-server";
import type { Publication } from "../mesh/feed.ts";
import type { Latest } from "../mesh/latest.ts";
import { nodeOf } from "../proxies/connected-node.ts";
import type { ResourceLibrary } from "./library.ts";

/**
 * What xds-server serves: for each proxy the resources of its scope, at every publication. Configuration that must not
 * be published leaves a proxy with what it has, and its revision behind, so that nobody takes the change for live.
 */
export function meshResources(
  published: Latest<Publication>,
  library: Pick<ResourceLibrary, "resources" | "endpointsAhead">,
): ResourceSource {
  return {
    async *watch(proxy, signal) {
      const node = nodeOf(proxy);
      let last: ResourceSet | undefined;
      for await (const { snapshot } of published.watch(signal)) {
        const ahead = last && library.endpointsAhead(snapshot, node);
        if (ahead !== undefined && ahead !== last) {
          last = ahead;
          yield ahead;
        }
        const resources = await withSpan("pilot.resources", { revision: snapshot.revision }, () =>
          library.resources(snapshot, node),
        ).catch((error: unknown) => {
          if (last === undefined)
            throw new RpcError(RpcCode.INTERNAL, "the proxy's configuration cannot be built", { cause: error });
        });
        // A proxy with nothing is better off with all that does work; any other keeps what it has.
        if (resources === undefined || resources.set === last || (!resources.good && last !== undefined)) continue;
        last = resources.set;
        yield last;
      }
    },
  };
}
