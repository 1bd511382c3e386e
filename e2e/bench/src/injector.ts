import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type MeshAccess, mintToken, type Program, ServiceProcess, TempDir } from "@lateen/e2e-harness";
import { stringify } from "yaml";

interface BenchInjector extends AsyncDisposable {
  readonly service: ServiceProcess;
}

/**
 * The injector needs a Kubernetes API to be ready. Here it is one with nothing in it: enough to start against and to be
 * idle with; what the injector does is the cluster suite's matter.
 */
export async function startInjector(access: MeshAccess, program: Program | undefined): Promise<BenchInjector> {
  await using cleanup = new AsyncDisposableStack();
  const directory = cleanup.use(await TempDir.create());
  const api = cleanup.adopt(await startEmptyApi(), stopApi);
  const { port } = api.address() as AddressInfo;
  await writeFile(directory.join("kubeconfig"), stringify(kubeconfig(`http://127.0.0.1:${port}`)));
  const token = await mintToken(access.state, { namespace: "istio-system", serviceAccount: "lateen-injector" });
  await writeFile(directory.join("token"), token, { mode: 0o600 });
  const env = {
    KUBECONFIG: directory.join("kubeconfig"),
    ...{ CA_ADDR: access.ca, CA_ROOT_FILE: access.rootFile, TOKEN_FILE: directory.join("token") },
    ...{ WEBHOOK_PORT: "0", PROXY_IMAGE: "localhost/lateen/proxy:dev" },
  };
  const service = cleanup.use(await ServiceProcess.start({ name: "injector", env, ...(program && { program }) }));
  const owned = cleanup.move();
  return { service, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Every list is empty, every watch is quiet, every object is missing. */
async function startEmptyApi(): Promise<Server> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://api");
    const answer = (status: number, body: object): void => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    };
    if (url.pathname === "/version") answer(200, { major: "1", minor: "33" });
    else if (url.searchParams.has("watch"))
      response.writeHead(200, { "content-type": "application/json" }).flushHeaders();
    else if (/configurations\/[^/]+$/.test(url.pathname))
      answer(404, { kind: "Status", status: "Failure", reason: "NotFound", code: 404 });
    else answer(200, { kind: "List", metadata: { resourceVersion: "1" }, items: [] });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

async function stopApi(server: Server): Promise<void> {
  server.closeAllConnections();
  server.close();
  await once(server, "close");
}

function kubeconfig(server: string): object {
  return {
    apiVersion: "v1",
    kind: "Config",
    "current-context": "bench",
    clusters: [{ name: "bench", cluster: { server, "insecure-skip-tls-verify": true } }],
    users: [{ name: "bench", user: { token: "none" } }],
    contexts: [{ name: "bench", context: { cluster: "bench", user: "bench" } }],
  };
}
