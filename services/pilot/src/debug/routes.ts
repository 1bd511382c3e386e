import type { MeshSnapshot } from "@lateen/compiler";
import type { Finding } from "@lateen/model";
import type { XdsServer } from "@lateen/xds-server";
import type { FastifyInstance } from "fastify";
import { configDump, configz, endpointz, registryz, syncz } from "./pages.ts";

export interface DebugOptions {
  readonly xds: XdsServer;
  readonly snapshot: () => MeshSnapshot | undefined;
  readonly findings: () => readonly Finding[];
  readonly ready: () => boolean;
}

/** Pages for operators and the CLI, as JSON. They show configuration and addresses, never a key or a token. */
export function debugRoutes({ xds, snapshot, findings, ready }: DebugOptions): (app: FastifyInstance) => Promise<void> {
  return async (app) => {
    app.get("/ready", async (_request, reply) => reply.code(ready() ? 200 : 503).send({ ready: ready() }));
    app.get("/debug/syncz", async () => syncz(xds.proxies()));
    app.get<{ Querystring: { proxyID?: string } }>("/debug/config_dump", async (request, reply) => {
      const proxyId = findProxy(xds, request.query.proxyID ?? "");
      const set = proxyId === undefined ? undefined : xds.resourcesOf(proxyId);
      if (proxyId === undefined || set === undefined) {
        return await reply.code(404).send({
          error: `no connected proxy "${request.query.proxyID ?? ""}": proxyID is a node id, or its <pod>.<namespace>; see /debug/syncz`,
        });
      }
      return configDump(proxyId, set);
    });
    const ofMesh = (path: string, page: (mesh: MeshSnapshot) => unknown): void => {
      app.get(path, async (_request, reply) => {
        const mesh = snapshot();
        return mesh === undefined ? await reply.code(503).send({ error: "the mesh is not loaded yet" }) : page(mesh);
      });
    };
    ofMesh("/debug/endpointz", endpointz);
    ofMesh("/debug/configz", configz);
    ofMesh("/debug/registryz", registryz);
    ofMesh("/debug/findingz", (mesh) => [...mesh.findings, ...findings()]);
  };
}

/** By node id, or by the part of it that people know: `<pod>.<namespace>`. */
function findProxy(xds: XdsServer, wanted: string): string | undefined {
  const ids = xds.proxies().map(({ proxy }) => proxy.id);
  return ids.find((id) => id === wanted) ?? ids.find((id) => id.split("~")[2] === wanted);
}
