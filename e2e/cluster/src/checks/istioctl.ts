import assert from "node:assert/strict";
import { eventually } from "@lateen/e2e-harness";
import { askIstioctl } from "../istioctl.ts";
import type { World } from "../world.ts";

/** https://github.com/istio/istio/blob/eed52ebb66ad/istioctl/pkg/proxystatus/proxystatus.go */
export async function istioctlSeesTheFleet(world: World): Promise<string> {
  const proxies = await proxiesOf(world);
  const table = await askIstioctl(world, "proxy-status");
  const lines = table.trim().split("\n").slice(1);
  for (const proxy of proxies) {
    const line = lines.find((candidate) => candidate.startsWith(`${proxy} `)) ?? "no line";
    assert.match(line, /\blateen-pilot-\S+ +\S+ +\d \(CDS,LDS,EDS,RDS,ECDS\)/, proxy);
  }
  const states = await eventually(
    async () => {
      const found = statesIn(await askIstioctl(world, "proxy-status", "-o", "json"));
      assert.deepEqual([...new Set(found)].sort(), ["NOT_SENT", "SYNCED"]);
      return found;
    },
    { what: "istioctl proxy-status -o json shows every type as SYNCED, or as not asked for", intervalMs: 1_000 },
  );
  const version = await askIstioctl(world, "version");
  assert.match(version, new RegExp(`^control plane version: ${world.settings.imageTag}$`, "m"));
  assert.match(version, new RegExp(`^data plane version: .*\\(${proxies.length} proxies\\)$`, "m"));
  return `${lines.length} proxies, ${states.filter((state) => state === "SYNCED").length} of ${states.length} types SYNCED`;
}

/** Byte by byte what pilot says a proxy should have, and what its Envoy has. */
export async function istioctlFindsNoDifference(world: World): Promise<string> {
  const proxies = await proxiesOf(world);
  for (const proxy of proxies)
    await eventually(
      async () => {
        const output = await askIstioctl(world, "proxy-status", proxy);
        for (const what of ["Clusters", "Listeners", "Routes"]) assert.match(output, new RegExp(`^${what} Match`, "m"));
        return true;
      },
      { what: `istioctl proxy-status ${proxy} finds clusters, listeners and routes equal`, intervalMs: 1_000 },
    );
  return `${proxies.length} proxies: Clusters Match, Listeners Match, Routes Match`;
}

/** Names are Istio's, so istioctl finds its columns in them: host, port, subset, the objects behind. */
export async function istioctlReadsProxies(world: World): Promise<string> {
  const { samples, system } = world;
  const [client, server, gateway] = await Promise.all([
    podOf(world, samples, "client"),
    podOf(world, samples, "reviews"),
    podOf(world, system, "istio-ingressgateway"),
  ]);
  const reviews = `reviews.${samples}.svc.cluster.local`;
  const rows: readonly (readonly [args: readonly string[], expected: RegExp])[] = [
    [["cluster", client], new RegExp(`^${reviews} +80 +v1 +outbound +EDS +reviews\\.${samples}`, "m")],
    [["listener", client], /^0\.0\.0\.0 +80 +Trans: raw_buffer; App: http\/1\.1,h2c +Route: 80$/m],
    [
      ["listener", server, "--port", "15006"],
      /Trans: tls; App: istio-peer-exchange,istio,.* Cluster: inbound\|8080\|\|/,
    ],
    [["route", client, "--name", "80"], new RegExp(`^80 +${reviews}:80 .* reviews\\.${samples}$`, "m")],
    [
      ["endpoint", client, "--cluster", `outbound|80||${reviews}`],
      /^10\.\S+:8080 +HEALTHY +OK +outbound\|80\|\|reviews/m,
    ],
    [["secret", client], /^default +Cert Chain +ACTIVE +true .*\n(.*\n)*ROOTCA +CA +ACTIVE +true/m],
    [["bootstrap", client], /"id": "sidecar~/],
    [["log", client], /^active loggers:/m],
    [["all", client], /^Istio Version: +\S+\nEnvoy Version: +1\./m],
    [["route", gateway], new RegExp(`^http\\.80 +reviews\\.example\\.com:80 .* reviews-ingress\\.${samples}$`, "m")],
  ];
  for (const [args, expected] of rows)
    assert.match(
      await askIstioctl(world, "proxy-config", ...args),
      expected,
      `istioctl proxy-config ${args.join(" ")}`,
    );
  return `${rows.length} tables of proxy-config have what they should`;
}

/** What joins objects, services and what Envoy really has. */
export async function istioctlDescribes(world: World): Promise<string> {
  const { samples } = world;
  const service = await askIstioctl(world, "experimental", "describe", "service", `reviews.${samples}`);
  for (const expected of [
    /Port: http 80\/HTTP targets pod port 8080/,
    new RegExp(`DestinationRule: reviews\\.${samples} for "reviews"\\n +Matching subsets: v1,v2`),
    new RegExp(`VirtualService: reviews\\.${samples}\\n +Route to host "reviews" subset "v1" with weight`),
    /Exposed on Ingress Gateway http:\/\//,
  ])
    assert.match(service, expected, "istioctl experimental describe service");
  const page = await askIstioctl(world, "experimental", "internal-debug", "syncz");
  const proxies = (JSON.parse(page) as readonly { proxy: string }[]).map(({ proxy }) => proxy);
  for (const proxy of await proxiesOf(world)) assert.ok(proxies.includes(proxy), `syncz has ${proxy}`);
  return `describe finds service, subsets, routes and gateway; internal-debug syncz has ${proxies.length} proxies`;
}

/** `pod.namespace` of everything that has a proxy. */
async function proxiesOf({ cluster, samples, system }: World): Promise<readonly string[]> {
  const running = "--field-selector=status.phase=Running";
  const pods = await cluster.list("pods", "-n", samples, running);
  const injected = pods.filter(({ metadata }) => metadata.annotations?.["sidecar.istio.io/status"] !== undefined);
  const gateways = await cluster.list("pods", "-n", system, "-l", "app=istio-ingressgateway", running);
  return [...injected, ...gateways]
    .filter(({ metadata }) => metadata["deletionTimestamp"] === undefined)
    .map(({ metadata }) => `${metadata.name}.${metadata.namespace}`);
}

async function podOf({ cluster }: World, namespace: string, app: string): Promise<string> {
  const [pod] = await cluster.list(
    "pods",
    "-n",
    namespace,
    "-l",
    `app=${app}`,
    "--field-selector=status.phase=Running",
  );
  if (pod === undefined) throw new Error(`no pod of ${namespace} is labelled app=${app}`);
  return `${pod.metadata.name}.${namespace}`;
}

/** The state of each type of each proxy. */
function statesIn(json: string): readonly string[] {
  const { resources } = JSON.parse(json) as {
    readonly resources: readonly { readonly genericXdsConfigs: readonly { readonly configStatus?: string }[] }[];
  };
  return resources.flatMap(({ genericXdsConfigs }) =>
    genericXdsConfigs.map(({ configStatus }) => configStatus ?? "UNKNOWN"),
  );
}
