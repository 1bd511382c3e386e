import { eventually } from "@lateen/e2e-harness";
import type { KubeObject } from "../cluster.ts";
import { ask, headersSeen, show } from "../request.ts";
import { appOf, makeNamespace, sample, type World } from "../world.ts";

export function spiffeId(world: World, account: string, namespace = world.samples): string {
  return `spiffe://cluster.local/ns/${namespace}/sa/${account}`;
}

interface PodSpec {
  readonly containers: readonly { readonly name: string }[];
  readonly initContainers?: readonly { readonly name: string }[];
}

export async function samplesAreInjected(world: World): Promise<string> {
  const { cluster, samples } = world;
  await makeNamespace(world, samples, { "istio-injection": "enabled" });
  await makeNamespace(world, world.tools);
  await cluster.apply(samples, sample(world, "apps.yaml"), sample(world, "legacy.yaml"));
  await cluster.waitForRollouts(samples, 480_000);
  const pods = await cluster.list("pods", "-n", samples);
  const injected = pods.filter(hasProxy).map(appName);
  const plain = pods.filter((pod) => !hasProxy(pod)).map(appName);
  const wanted = ["client", "ratings", "reviews", "reviews"];
  if (injected.sort().join() !== wanted.join())
    throw new Error(`injected are ${injected.join()}, expected ${wanted.join()}`);
  if (plain.join() !== "legacy") throw new Error(`without a proxy are ${plain.join()}, expected legacy alone`);
  const first = await eventually(
    async () => {
      const answer = await ask(world, "client", "http://reviews/");
      if (answer.status !== 200) throw new Error(show(answer));
      return answer;
    },
    { what: "client reaches reviews", timeoutMs: 60_000 },
  );
  return `${injected.length} pods with a proxy, legacy without; first answer ${first.headers["x-sample"] ?? "?"}`;
}

function hasProxy(pod: KubeObject): boolean {
  const { containers, initContainers = [] } = pod["spec"] as PodSpec;
  return [...containers, ...initContainers].some(({ name }) => name === "istio-proxy");
}

function appName({ metadata }: KubeObject): string {
  return metadata.labels?.["app"] ?? metadata.name;
}

/** The caller's certificate is what the server's proxy says in its log and its header, and what a plain caller lacks. */
export async function answersByMutualTls(world: World): Promise<string> {
  const { cluster } = world;
  const expected = spiffeId(world, "client");
  const marker = `/identity-${Date.now()}`;
  const answer = await ask(world, "client", `http://ratings${marker}`);
  if (answer.status !== 200) throw new Error(show(answer));
  const header = headersSeen(answer)["x-forwarded-client-cert"] ?? "";
  if (!header.includes(`URI=${expected}`))
    throw new Error(`x-forwarded-client-cert is "${header}", expected URI=${expected}`);
  const proxy = { ...appOf(world, "ratings"), container: "istio-proxy" };
  const line = await eventually(
    async () => (await cluster.logs(proxy, "--tail=200")).split("\n").find((each) => each.includes(marker)),
    {
      what: `${marker} is in the access log of ratings`,
      timeoutMs: 60_000,
      intervalMs: 500,
    },
  );
  if (!line.includes(expected)) throw new Error(`the access log does not name ${expected}: ${line}`);
  const plain = await ask(world, "legacy", "http://ratings/");
  if (plain.status !== 200) throw new Error(`a caller without a proxy (permissive) got ${show(plain)}`);
  if (headersSeen(plain)["x-forwarded-client-cert"] !== undefined)
    throw new Error("a caller without a proxy has an identity");
  return `${expected} in access log and x-forwarded-client-cert`;
}
