import { eventually } from "@lateen/e2e-harness";
import { capture } from "../command.ts";
import { askMany, headersSeen, show } from "../request.ts";
import { sample, type World } from "../world.ts";
import { spiffeId } from "./samples.ts";

const requests = 300;

/** Measured over 300 requests; the bound is four standard deviations, so chance fails one run in 16,000. */
export async function canaryMoves(world: World): Promise<string> {
  const { cluster, samples } = world;
  await cluster.apply(samples, sample(world, "reviews-subsets.yaml"));
  const seen: string[] = [];
  for (const [file, share] of [
    ["reviews-90-10.yaml", 0.1],
    ["reviews-50-50.yaml", 0.5],
  ] as const) {
    await cluster.apply(samples, sample(world, file));
    seen.push(
      await eventually(() => measured(world, share), {
        what: `the split of ${file}`,
        timeoutMs: 30_000,
        intervalMs: 500,
      }),
    );
  }
  return seen.join(", then ");
}

async function measured(world: World, share: number): Promise<string> {
  const answers = await askMany(world, "client", "http://reviews/", { times: requests });
  const failed = answers.find(({ status }) => status !== 200);
  if (failed !== undefined) throw new Error(show(failed));
  const second = answers.filter(({ headers }) => headers["x-sample"] === "reviews-v2").length;
  const tolerance = 4 * Math.sqrt(share * (1 - share) * requests);
  if (Math.abs(second - share * requests) > tolerance)
    throw new Error(`v2 answered ${second} of ${requests}, expected ${share * requests}`);
  return `${requests - second}:${second} for ${(1 - share) * 100}/${share * 100}`;
}

/** From this machine, by the address that the load balancer gave. */
export async function ingressComesIn(world: World): Promise<string> {
  const { cluster, samples, system } = world;
  await cluster.apply(samples, sample(world, "ingress.yaml"));
  const address = await eventually(() => ingressAddress(world), {
    what: "the ingress gateway has an address",
    timeoutMs: 60_000,
    intervalMs: 500,
  });
  const body = await eventually(() => fetchFromHere(address, "reviews.example.com"), {
    what: `reviews.example.com answers at ${address}`,
    timeoutMs: 30_000,
    intervalMs: 250,
  });
  const identity = headersSeen({ status: 200, headers: {}, body })["x-forwarded-client-cert"] ?? "";
  const gateway = spiffeId(world, "istio-ingressgateway", system);
  if (!identity.includes(`URI=${gateway}`)) throw new Error(`reviews was called by "${identity}", expected ${gateway}`);
  const other = await capture("curl", [
    "-s",
    "-m",
    "10",
    "-o",
    "/dev/null",
    "-w",
    "%{http_code}",
    "-H",
    "Host: unknown.example.com",
    `http://${address}/`,
  ]);
  if (other !== "404") throw new Error(`a host that no Gateway names got ${other}, expected 404`);
  return `200 at ${address}, upstream as ${gateway}; unknown host 404`;
}

export async function ingressAddress({ cluster, system }: World): Promise<string | undefined> {
  const service = await cluster.get("service", "istio-ingressgateway", "-n", system);
  const status = service["status"] as { loadBalancer?: { ingress?: readonly { ip?: string; hostname?: string }[] } };
  const [first] = status.loadBalancer?.ingress ?? [];
  return first?.ip ?? first?.hostname;
}

/** By curl: Node's fetch does not let one set Host. */
async function fetchFromHere(address: string, host: string): Promise<string> {
  return capture("curl", ["-sS", "-f", "-m", "10", "-H", `Host: ${host}`, `http://${address}/`]);
}
