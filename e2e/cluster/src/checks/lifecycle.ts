import { eventually } from "@lateen/e2e-harness";
import { additions, takeInventory } from "../inventory.ts";
import { answered, underLoad } from "../load.ts";
import { deleteCrds, type World } from "../world.ts";
import { changeTakesEffect } from "./failures.ts";

/** Every service gets new pods (another environment variable), one after the other. */
export async function restartsUnderLoad(world: World): Promise<string> {
  const { cluster, system } = world;
  const outside = {
    from: "legacy",
    url: `http://istio-ingressgateway.${system}/`,
    headers: { host: "reviews.example.com" },
  };
  const loads = [{ url: "http://reviews/" }, outside].map((load) => ({ ...load, perSecond: 50, seconds: 960 }));
  const reports = await underLoad(world, loads, async () => {
    await cluster.kubectl(["rollout", "restart", "deployment", "-n", system]);
    await cluster.waitForRollouts(system, 600_000);
    await changeTakesEffect(world);
  });
  return `every Deployment restarted, ${answered(reports)}, within the mesh and through the gateway`;
}

/** Pods of the mesh are replaced: their proxies stop after they have answered what is on its way. */
export async function samplesRollUnderLoad(world: World): Promise<string> {
  const { cluster, samples } = world;
  const reports = await underLoad(world, [{ url: "http://reviews/", perSecond: 100, seconds: 960 }], async () => {
    await cluster.kubectl(["rollout", "restart", "-n", samples, "deployment/reviews-v1", "deployment/reviews-v2"]);
    await cluster.waitForRollouts(samples, 480_000);
    await new Promise((resolve) => setTimeout(resolve, 5_000)); // the old ones end
  });
  return `reviews v1 and v2 replaced, ${answered(reports)}`;
}

/** After `helm uninstall`, and after our namespaces and the CRDs are gone, the cluster is as it was. */
export async function uninstallLeavesNothing(world: World): Promise<string> {
  const { cluster, system, samples, tools } = world;
  await world.prometheus?.[Symbol.asyncDispose]();
  delete world.prometheus;
  await world.release.uninstall();
  const left = await leftBehind(world);
  if (left.length > 0) throw new Error(`helm uninstall left ${left.join(", ")}`);
  await cluster.deleteNamespaces([samples, tools, system]);
  const crds = await deleteCrds(world);
  const { before } = world;
  if (before === undefined) throw new Error("it is not known what was there before");
  await eventually(
    async () => {
      const more = additions(before, await takeInventory(cluster), [system, samples, tools]);
      if (more.length > 0) throw new Error(more.join(", "));
      return true;
    },
    { what: "the cluster is as it was", timeoutMs: 240_000, intervalMs: 1_000 },
  );
  return `webhooks, roles, Secrets and roots are gone; ${crds} CRDs deleted by label; the cluster is as it was`;
}

/** Before any namespace is deleted: what Helm and the services made, wherever it is. */
async function leftBehind(world: World): Promise<string[]> {
  const { before, system, samples, tools, cluster } = world;
  return eventually(
    async () => {
      const now = additions(before ?? new Set(), await takeInventory(cluster), [system, samples, tools]);
      const left = now.filter((each) => isOurs(each, world));
      if (left.some((each) => each.startsWith("Pod "))) throw new Error(`still there: ${left.join(", ")}`); // they are stopping
      return left;
    },
    { what: "the pods have ended", timeoutMs: 240_000, intervalMs: 1_000 },
  );
}

const kept = ["Namespace", "CustomResourceDefinition", "APIService"];

/** Not the samples, nor what Kubernetes puts into every namespace, nor the CRDs (with their APIs), which Helm keeps. */
function isOurs(each: string, { samples, tools }: World): boolean {
  const [kind = "", path = ""] = each.split(" ");
  if (kept.includes(kind) || path.endsWith("/kube-root-ca.crt")) return false;
  if (path.startsWith(`${samples}/`) || path.startsWith(`${tools}/`)) return path.endsWith("/istio-ca-root-cert");
  return true;
}
