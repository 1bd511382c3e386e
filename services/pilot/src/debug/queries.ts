import { create } from "@bufbuild/protobuf";
import { AnySchema, anyPack } from "@bufbuild/protobuf/wkt";
import { ClientConfigSchema } from "@lateen/protos/envoy/service/status/v3/csds_pb.js";
import { RpcCode, RpcError } from "@lateen/rpc";
import { version } from "@lateen/runtime";
import type { Answer, Query, QuerySource } from "@lateen/xds-server";
import { demand } from "./access.ts";
import type { DebugAccess } from "./access.ts";
import { findProxy, proxiesFor, shortName } from "./context.ts";
import type { Access, DebugContext } from "./context.ts";
import { answerPage, pageText } from "./pages.ts";
import { clientConfig } from "./sync-status.ts";

/** A page by its name, with its parameters: `config_dump?proxyID=web-0.shop`. */
const pageType = "istio.io/debug";
/** What `istioctl proxy-status` asks for: a ClientConfig for each proxy, or one proxy's configuration dump. */
const syncType = "istio.io/debug/syncz";
const dumpType = "istio.io/debug/config_dump";

/** The debug types of Istio's xDS, by which istioctl finds out how proxies are. */
export function debugQueries(context: DebugContext, access: DebugAccess): QuerySource {
  return {
    identifier: identifierOf(context.replica),
    handles: (typeUrl) => typeUrl === pageType || typeUrl === syncType || typeUrl === dumpType,
    async answer(query) {
      const granted = demand(await access.ofStream(query.asker));
      if (query.typeUrl === syncType) return syncAnswers(context, granted);
      const [name, ...others] = query.names;
      if (name === undefined || others.length > 0)
        throw new RpcError(RpcCode.INVALID_ARGUMENT, `${query.typeUrl} takes one resource name: what is asked for`);
      return query.typeUrl === dumpType ? dumpAnswers(context, granted, name) : pageAnswers(context, granted, query);
    },
  };
}

/** istioctl names control planes and their versions by it. */
function identifierOf(replica: string): string {
  const release = version();
  const info = { version: release, revision: "unknown", golang_version: "", status: "Clean", tag: release };
  return JSON.stringify({ Component: "istiod", ID: replica, Info: info });
}

function syncAnswers(context: DebugContext, access: Access): readonly Answer[] {
  const rejections = context.rejections();
  return proxiesFor(context, access).map((status) => ({
    name: shortName(status.proxy.id),
    resource: anyPack(ClientConfigSchema, clientConfig(status, rejections)),
  }));
}

async function dumpAnswers(context: DebugContext, access: Access, wanted: string): Promise<readonly Answer[]> {
  const status = findProxy(context, access, wanted);
  const offered = status && context.xds.offeredTo(status.proxy.id);
  // A text in the place of a dump: istioctl then asks the next replica.
  if (offered === undefined)
    return pageAnswers(context, access, { names: [`config_dump?proxyID=${encodeURIComponent(wanted)}`] });
  const { envoyDump } = await import("./envoy-dump.ts");
  return envoyDump(offered, { endpoints: false }).map((resource) => ({ name: "", resource }));
}

async function pageAnswers(
  context: DebugContext,
  access: Access,
  { names: [name = ""] }: Pick<Query, "names">,
): Promise<readonly Answer[]> {
  const cut = name.indexOf("?");
  const parameters = new URLSearchParams(cut < 0 ? "" : name.slice(cut + 1));
  const answer = await answerPage(cut < 0 ? name : name.slice(0, cut), { context, access, parameters });
  if (answer.status === 403) throw new RpcError(RpcCode.PERMISSION_DENIED, pageText(answer, { pretty: false }).trim());
  const value = Buffer.from(pageText(answer, { pretty: parameters.has("pretty") }));
  return [{ name, resource: create(AnySchema, { typeUrl: pageType, value }) }];
}
