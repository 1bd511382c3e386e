import { eventually, mainOf } from "@lateen/e2e-harness";
import { capture } from "../command.ts";
import type { World } from "../world.ts";

interface TypeStatus {
  readonly name: string;
  readonly status: string;
}

interface ProxyStatus {
  readonly proxy: string;
  readonly types: readonly TypeStatus[];
}

/** By the API server and a token, with nothing forwarded. A change of the checks before may still be on its way. */
export async function statusOfTheFleet(world: World): Promise<string> {
  return await eventually(() => syncedFleet(world), { what: "all proxies are SYNCED", intervalMs: 1_000 });
}

async function syncedFleet(world: World): Promise<string> {
  const { cluster, system, samples } = world;
  const args = [mainOf("lateen"), "proxy-status", "--namespace", system, "--output", "json"];
  const output = await capture(process.execPath, args, { env: cluster.environment });
  const proxies = JSON.parse(output) as readonly ProxyStatus[];
  const pods = await cluster.list("pods", "-n", samples, "--field-selector=status.phase=Running");
  const injected = pods.filter(({ metadata }) => metadata.annotations?.["sidecar.istio.io/status"] !== undefined);
  const missing = injected.filter(({ metadata }) => !proxies.some(({ proxy }) => proxy.includes(metadata.name)));
  if (missing.length > 0) throw new Error(`no status of ${missing.map(({ metadata }) => metadata.name).join(", ")}`);
  const behind = proxies.flatMap(({ proxy, types }) =>
    types.filter(({ status }) => status !== "SYNCED").map(({ name, status }) => `${proxy}: ${name} ${status}`),
  );
  if (behind.length > 0) throw new Error(behind.join("; "));
  return `${proxies.length} proxies, all SYNCED`;
}
