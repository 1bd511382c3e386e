import { eventually } from "@lateen/e2e-harness";
import { capture } from "../command.ts";
import type { World } from "../world.ts";
import { addressOf } from "./ingress.ts";

const host = "kubernetes.example.com";
const kubernetes = "networking.k8s.io/v1";
const className = "lateen-e2e";
const ingressClass = {
  apiVersion: kubernetes,
  kind: "IngressClass",
  metadata: { name: className },
  spec: { controller: "istio.io/ingress-controller" },
};

function ingress(name: string, backend: object): object {
  const paths = [{ path: "/kubernetes", pathType: "Prefix", backend }];
  const spec = { ingressClassName: className, rules: [{ host, http: { paths } }] };
  return { apiVersion: kubernetes, kind: "Ingress", metadata: { name }, spec };
}

const good = ingress("reviews", { service: { name: "reviews", port: { number: 80 } } });
const bad = ingress("bucket", { resource: { kind: "Bucket", name: "static" } });

/** Served by the gateway of the chart, with its address in the status; what cannot be served is not admitted. */
export async function kubernetesIngressIsServed(world: World): Promise<string> {
  const { cluster, samples } = world;
  const address = await addressOf(world);
  try {
    await cluster.apply(samples, ingressClass, good);
    await eventually(() => statusIs(world, address), {
      what: `the Ingress has the gateway's address ${address} in its status`,
      timeoutMs: 60_000,
      intervalMs: 250,
    });
    await eventually(() => answers(address, "/kubernetes/reviews", "200"), {
      what: `${host} answers at ${address}`,
      timeoutMs: 60_000,
      intervalMs: 250,
    });
    if (!(await answers(address, "/kubernetesque", "404"))) throw new Error("a path that only begins alike is served");
    const refused = await cluster.judge(samples, bad);
    if (refused.code === 0 || !refused.stderr.includes("spec.rules[0].http.paths[0].backend.resource"))
      throw new Error(`an Ingress with a resource as backend is to be refused, kubectl said: ${refused.stderr}`);
    return `200 at ${address}, which is in its status; a resource as backend is refused`;
  } finally {
    await cluster.remove(samples, good, ingressClass);
  }
}

async function statusIs({ cluster, samples }: World, address: string): Promise<boolean> {
  const object = await cluster.get("ingress", "reviews", "-n", samples);
  const status = object["status"] as { loadBalancer?: { ingress?: readonly { ip?: string; hostname?: string }[] } };
  return (status.loadBalancer?.ingress ?? []).some(({ ip, hostname }) => (ip ?? hostname) === address);
}

async function answers(address: string, path: string, status: string): Promise<boolean> {
  const url = `http://${address}${path}`;
  const written = ["-o", "/dev/null", "-w", "%{http_code}", "-H", `Host: ${host}`, url];
  return (await capture("curl", ["-sS", "-m", "10", ...written])) === status;
}
