import { eventually } from "@lateen/e2e-harness";
import { type Answer, ask, headersSeen, show } from "../request.ts";
import type { World } from "../world.ts";
import { serviceOf, workload } from "../workloads.ts";
import { spiffeId } from "./samples.ts";

/** It also asks its proxy for names: `checks/outside.ts` calls from it, and then removes it. */
export const transparent = "transparent";
const uncaptured = "uncaptured";
const mode = "sidecar.istio.io/interceptionMode";

/** With TPROXY the application sees who calls, in the mesh and outside of it; with REDIRECT, its own proxy. */
export async function callersAreSeen(world: World): Promise<string> {
  const { cluster, samples } = world;
  const dns = JSON.stringify({ proxyMetadata: { ISTIO_META_DNS_CAPTURE: "true" } });
  const annotations = { [mode]: "TPROXY", "proxy.istio.io/config": dns };
  await cluster.apply(samples, ...workload({ name: transparent, annotations }), serviceOf(transparent));
  await cluster.waitForRollouts(samples, 240_000);
  for (const caller of ["client", "legacy"]) {
    const address = await addressOf(world, caller);
    await eventually(async () => sees(await ask(world, caller, `http://${transparent}/`), address), {
      what: `${transparent} sees the address of ${caller}`,
      timeoutMs: 80_000,
      intervalMs: 500,
    });
  }
  sees(await ask(world, "client", "http://ratings/"), "127.0.0.6");
  const back = await ask(world, transparent, "http://ratings/");
  const certificate = back.status === 200 ? headersSeen(back)["x-forwarded-client-cert"] : show(back);
  if (certificate?.includes(`URI=${spiffeId(world, transparent)}`) !== true)
    throw new Error(`its own calls are not its own: ${certificate ?? "no certificate"}`);
  return "TPROXY shows the addresses of client (mutual TLS) and legacy (plaintext), REDIRECT 127.0.0.6";
}

function sees(answer: Answer, address: string): true {
  if (answer.status !== 200) throw new Error(show(answer));
  const { from } = JSON.parse(answer.body) as { from: string };
  if (from !== address) throw new Error(`the application sees ${from}, expected ${address}`);
  return true;
}

async function addressOf({ cluster, samples }: World, app: string): Promise<string> {
  const pods = await cluster.list("pods", "-n", samples, "-l", `app=${app}`);
  const [pod] = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const { podIP } = (pod?.["status"] ?? {}) as { podIP?: string };
  if (podIP === undefined) throw new Error(`there is no pod of ${app}`);
  return podIP;
}

const onLoopback = `
require("node:http").createServer((request, response) => {
  const { url: path, headers } = request;
  response.setHeader("x-sample", "uncaptured-v1");
  response.end(JSON.stringify({ path, headers, from: request.socket.remoteAddress }));
}).listen(8080, "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));`;

/** As Istio wants it without capture: a Sidecar says where calls come in, and where they go out. */
const uncapturedSidecar = {
  apiVersion: "networking.istio.io/v1",
  kind: "Sidecar",
  metadata: { name: uncaptured },
  spec: {
    workloadSelector: { labels: { app: uncaptured } },
    ingress: [{ port: { number: 8080, protocol: "HTTP", name: "http" }, defaultEndpoint: "127.0.0.1:8080" }],
    egress: [{ port: { number: 80, protocol: "HTTP", name: "http" }, bind: "127.0.0.1", hosts: ["./*"] }],
  },
};

/** Without capture the proxy has the pod's address, and the application is behind it on loopback. */
export async function worksUncaptured(world: World): Promise<string> {
  const { cluster, samples } = world;
  const annotations = { [mode]: "NONE" };
  await cluster.apply(samples, uncapturedSidecar);
  await cluster.apply(
    samples,
    ...workload({ name: uncaptured, annotations, program: onLoopback }),
    serviceOf(uncaptured),
  );
  await cluster.waitForRollouts(samples, 240_000);
  const answer = await eventually(
    async () => {
      const each = await ask(world, "client", `http://${uncaptured}/`);
      sees(each, "127.0.0.1");
      return each;
    },
    { what: `client reaches ${uncaptured}`, timeoutMs: 80_000, intervalMs: 500 },
  );
  const certificate = headersSeen(answer)["x-forwarded-client-cert"] ?? "";
  if (!certificate.includes(`URI=${spiffeId(world, "client")}`))
    throw new Error(`the caller is not known: ${certificate}`);
  const called = await ask(world, uncaptured, "http://127.0.0.1/", { headers: { host: "ratings" } });
  const own = called.status === 200 ? headersSeen(called)["x-forwarded-client-cert"] : show(called);
  if (own?.includes(`URI=${spiffeId(world, uncaptured)}`) !== true)
    throw new Error(`its own call through port 80 of its proxy is not its own: ${own ?? "no certificate"}`);
  await cluster.kubectl(["delete", "deployment", uncaptured, "-n", samples, "--wait=false"]);
  await cluster.kubectl(["delete", "sidecar", uncaptured, "-n", samples]);
  return "calls come in to loopback by mutual TLS, and go out by 127.0.0.1:80";
}
