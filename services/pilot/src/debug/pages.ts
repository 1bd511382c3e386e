import { endpointType, extensionConfigType, nameTableType } from "@lateen/xds-server";
import type { MeshSnapshot } from "@lateen/compiler";
import type { ProxyStatus } from "@lateen/xds-server";
import { findProxy, proxiesFor, shortName } from "./context.ts";
import type { Access, DebugContext } from "./context.ts";
import type { Offered } from "./envoy-dump.ts";
import { configz, endpointz, mesh, registryz } from "./mesh-pages.ts";
import { adsz, configDump, connections, intermediate, originz, resourcesOf, sidecarz } from "./proxy-pages.ts";
import { refusalIn, syncz } from "./sync-status.ts";

export interface PageRequest {
  readonly context: DebugContext;
  readonly access: Access;
  readonly parameters: URLSearchParams;
}

/** Anything but text is sent as JSON. */
export interface PageAnswer {
  readonly status: number;
  readonly body: unknown;
}

interface Page {
  readonly help: string;
  /** Whoever may see only the proxies of a namespace may ask for it, too. */
  readonly forNamespaces?: true;
  answer(request: PageRequest): PageAnswer | Promise<PageAnswer>;
}

// istioctl and Istio's dashboards know these sentences and act on them.
const noProxyNamed = "You must provide a proxyID in the query string\n";
const notConnected = "Proxy not connected to this Pilot instance. It may be connected to another instance.\n";
const noSuchPage = "404 page not found\n";

const found = (body: unknown): PageAnswer => ({ status: 200, body });

function ofMesh(help: string, show: (snapshot: MeshSnapshot) => unknown): Page {
  return {
    help,
    answer({ context }) {
      const snapshot = context.snapshot();
      return snapshot === undefined ? { status: 503, body: "the mesh is not loaded yet\n" } : found(show(snapshot));
    },
  };
}

type ShowProxy = (status: ProxyStatus, offered: Offered, request: PageRequest) => unknown;

function ofProxy(help: string, show: ShowProxy): Page {
  return {
    help,
    async answer(request) {
      const wanted = request.parameters.get("proxyID") ?? "";
      if (wanted === "") return { status: 400, body: noProxyNamed };
      const status = findProxy(request.context, request.access, wanted);
      const offered = status && request.context.xds.offeredTo(status.proxy.id);
      if (status === undefined || offered === undefined) return { status: 404, body: notConnected };
      return found(await show(status, offered, request));
    },
  };
}

function ofProxies(help: string, show: (proxies: readonly ProxyStatus[], context: DebugContext) => unknown): Page {
  return {
    help,
    answer({ context, access, parameters }) {
      const wanted = parameters.get("proxyID") ?? "";
      if (wanted === "") return found(show(proxiesFor(context, access), context));
      const one = findProxy(context, access, wanted);
      return one === undefined ? { status: 404, body: notConnected } : found(show([one], context));
    },
  };
}

/** Under the names Istio has for them; `ir`, `originz`, `progressz` and `findingz` are Lateen's own. */
const pages: Readonly<Record<string, Page>> = {
  adsz: ofProxies("Connected proxies: metadata, labels and what they watch", adsz),
  config_dump: {
    ...ofProxy(
      "What a proxy should have, in the form of Envoy's config_dump; ?proxyID=, &include_eds",
      (_, offered, { parameters }) =>
        configDump(offered, { endpoints: parameters.has("include_eds") && parameters.get("include_eds") !== "false" }),
    ),
    forNamespaces: true,
  },
  configz: ofMesh("Accepted configuration", configz),
  connections: ofProxies("Connected proxies", connections),
  ecdsz: ofProxy("A proxy's extension configurations; ?proxyID=", (_, offered) =>
    resourcesOf(offered, extensionConfigType),
  ),
  edsz: {
    ...ofProxy("A proxy's endpoints; ?proxyID=", (_, offered) => resourcesOf(offered, endpointType)),
    forNamespaces: true,
  },
  endpointz: ofMesh("Addresses by service and port", endpointz),
  findingz: {
    help: "What the compiler noticed between objects",
    answer: ({ context }) => found([...(context.snapshot()?.findings ?? []), ...context.findings()]),
  },
  ir: ofProxy("What was decided for a proxy, in mesh words; ?proxyID=", (status, _, { context }) => {
    const snapshot = context.snapshot();
    return snapshot === undefined ? null : intermediate(snapshot, status);
  }),
  list: {
    help: "All pages",
    answer: () =>
      found(
        Object.keys(pages)
          .filter((name) => name !== "list")
          .sort(),
      ),
  },
  mesh: ofMesh("The settings of the mesh in force", mesh),
  ndsz: {
    ...ofProxy("A proxy's name table; ?proxyID=", (_, offered) => resourcesOf(offered, nameTableType)),
    forNamespaces: true,
  },
  originz: ofProxy("A proxy's resources with versions and the objects they were made from; ?proxyID=", originz),
  progressz: {
    help: "How far the proxies of this replica are: the watermark and who is behind it",
    answer: ({ context }) => found(progressz(context)),
  },
  registryz: ofMesh("Services of the platform registries", registryz),
  sidecarz: ofProxy("Everything about a proxy that decides what it gets; ?proxyID=", (status, _, { context }) => {
    const snapshot = context.snapshot();
    return snapshot === undefined ? null : sidecarz(snapshot, status);
  }),
  syncz: ofProxies("What each proxy was sent, has acknowledged and refused", (proxies, context) =>
    syncz(proxies, context.rejections()),
  ),
};

function progressz({ replica, progress, rejections }: DebugContext): object {
  const { appliedRevision, acknowledgedRevision, laggards } = progress();
  return {
    replica,
    applied_revision: Number(appliedRevision),
    acked_revision: Number(acknowledgedRevision),
    laggards: laggards.map(shortName),
    refusals: rejections().map(({ proxy, report }) => ({
      proxy: shortName(proxy.id),
      type_url: report.typeUrl,
      ...refusalIn(report),
    })),
  };
}

/** The pages by name, with what they show. */
export const pageHelp: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(pages).map(([name, { help }]) => [name, help]),
);

/** `access` undefined: the asker may see nothing. */
export async function answerPage(
  name: string,
  request: Omit<PageRequest, "access"> & { readonly access: Access | undefined },
): Promise<PageAnswer> {
  const { access } = request;
  const page = Object.hasOwn(pages, name) ? pages[name] : undefined;
  if (access === undefined) return { status: 401, body: "authentication required\n" };
  if (page === undefined) return { status: 404, body: noSuchPage };
  if (access.namespace !== undefined && page.forNamespaces === undefined)
    return { status: 403, body: `${name} is for the system namespace; yours is ${access.namespace}\n` };
  return page.answer({ ...request, access });
}

export function pageText({ body }: PageAnswer, options: { readonly pretty: boolean }): string {
  return typeof body === "string" ? body : JSON.stringify(body, null, options.pretty ? 2 : undefined);
}
