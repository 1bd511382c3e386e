import { eventually, mainOf } from "@lateen/e2e-harness";
import { capture } from "../command.ts";
import { Daemon } from "../daemon.ts";
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

/** The way istioctl goes: pods by Istio's labels, forwarded ports, Envoy's own dump from the container istio-proxy. */
export async function istioctlFindsItsWay(world: World): Promise<string> {
  const { cluster, system, samples } = world;
  const [pilot] = await cluster.list("pods", "-n", system, "-l", "app=istiod", "--field-selector=status.phase=Running");
  if (pilot === undefined) throw new Error(`no pod of ${system} is labelled app=istiod`);
  const version = await forwarded(world, { namespace: system, pod: pilot.metadata.name, port: 15014 }, "/version");
  const [pod] = await cluster.list("pods", "-n", samples, "-l", "app=client", "--field-selector=status.phase=Running");
  if (pod === undefined) throw new Error(`no pod of ${samples} is labelled app=client`);
  const target = { namespace: samples, pod: pod.metadata.name, port: 15_000 };
  const dump = await forwarded(world, target, "/config_dump?include_eds");
  const found = /"outbound\|\d+\|\|reviews\.[^"]*svc\.cluster\.local"/.exec(dump)?.[0];
  if (found === undefined) throw new Error("the dump of the client's Envoy names no cluster of reviews");
  return `${pilot.metadata.name} says ${version.trim().slice(0, 60)}; ${pod.metadata.name} has ${found}`;
}

interface ForwardTarget {
  readonly namespace: string;
  readonly pod: string;
  readonly port: number;
}

async function forwarded({ cluster }: World, { namespace, pod, port }: ForwardTarget, path: string): Promise<string> {
  const args = ["port-forward", "-n", namespace, `pod/${pod}`, `:${port}`];
  await using daemon = await Daemon.start("kubectl", args, cluster.environment);
  const local = await daemon.until(
    "forwarding",
    (output) => /Forwarding from 127\.0\.0\.1:(\d+)/.exec(output)?.[1],
    60_000,
  );
  const response = await fetch(`http://127.0.0.1:${local}${path}`, { signal: AbortSignal.timeout(60_000) });
  const body = await response.text();
  if (!response.ok) throw new Error(`${path} of ${pod} answered ${response.status}: ${body}`);
  return body;
}
