import { eventually } from "@lateen/e2e-harness";
import { crash } from "../killer.ts";
import { answered, underLoad } from "../load.ts";
import { ask, show } from "../request.ts";
import type { World } from "../world.ts";

/** All that can be killed: the services, and the store. */
export const mortals = ["galley-validator", "pilot", "citadel", "mixer-policy", "injector", "nats"] as const;

/** High enough never to bite: every request then asks mixer-policy. */
const generousLimit = {
  apiVersion: "policy.lateen.dev/v1alpha1",
  kind: "RateLimit",
  metadata: { name: "generous" },
  spec: {
    selector: { matchLabels: { app: "reviews" } },
    rules: [{ name: "all", limit: { requests: 1_000_000, unit: "MINUTE" } }],
  },
};

let rounds = 0;

/** A route that stamps every answer of ratings with `stamp`. */
function stamped(stamp: string): object {
  const route = [{ destination: { host: "ratings" }, headers: { response: { set: { "x-stamp": stamp } } } }];
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "VirtualService",
    metadata: { name: "ratings" },
    spec: { hosts: ["ratings"], http: [{ route }] },
  };
}

/** A change of configuration goes the whole way: kubectl, webhook, store, pilot, proxy. */
export async function changeTakesEffect(world: World): Promise<number> {
  rounds += 1;
  const stamp = `round-${rounds}`;
  const started = Date.now();
  await eventually(
    async () => {
      await world.cluster.apply(world.samples, stamped(stamp));
      return true;
    },
    { what: "kubectl apply is accepted", timeoutMs: 120_000, intervalMs: 500 },
  );
  await eventually(
    async () => {
      const answer = await ask(world, "client", "http://ratings/");
      if (answer.headers["x-stamp"] !== stamp)
        throw new Error(`x-stamp is ${answer.headers["x-stamp"] ?? "absent"}: ${show(answer)}`);
      return true;
    },
    { what: `answers carry ${stamp}`, timeoutMs: 120_000, intervalMs: 200 },
  );
  return Date.now() - started;
}

/** kill -9 under load: nothing fails, it comes back, and the next change is applied. */
export async function survivesCrash(world: World, component: string): Promise<string> {
  await world.cluster.apply(world.samples, generousLimit);
  let down = 0;
  let change = 0;
  const reports = await underLoad(world, [{ url: "http://reviews/", perSecond: 100, seconds: 600 }], async () => {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    ({ downMs: down } = await crash(world, component));
    change = await changeTakesEffect(world);
  });
  return `${answered(reports)}, ready after ${(down / 1000).toFixed(1)} s, next change in effect after ${(change / 1000).toFixed(1)} s`;
}

/** The store's pod is replaced by one without its data: everything is put together again from Kubernetes. */
export async function storeIsRebuilt(world: World): Promise<string> {
  let change = 0;
  const reports = await underLoad(world, [{ url: "http://reviews/", perSecond: 100, seconds: 600 }], async () => {
    await world.cluster.kubectl(["delete", "pod", "lateen-nats-0", "-n", world.system, "--wait=true"], {
      timeoutMs: 240_000,
    });
    await eventually(
      () =>
        world.cluster.kubectl([
          "wait",
          "pod/lateen-nats-0",
          "-n",
          world.system,
          "--for=condition=Ready",
          "--timeout=120s",
        ]),
      {
        what: "the store is ready again",
        timeoutMs: 240_000,
        intervalMs: 500,
      },
    );
    change = await changeTakesEffect(world);
  });
  return `${answered(reports)}, next change in effect ${(change / 1000).toFixed(1)} s after the empty store was ready`;
}
