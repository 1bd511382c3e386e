import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import {
  ClustersConfigDumpSchema,
  ListenersConfigDumpSchema,
  RoutesConfigDumpSchema,
} from "@lateen/protos/envoy/admin/v3/config_dump_shared_pb.js";
import type { Any } from "@bufbuild/protobuf/wkt";
import {
  adsBootstrap,
  ConfigFolder,
  type Envoy,
  eventually,
  type LateenUp,
  LoopbackMesh,
  runLateen,
  startEnvoy,
  startLateenUp,
  virtualService,
} from "@lateen/e2e-harness";
import { fromEnvoyJson, toEnvoyJson } from "@lateen/testkit";
import { DeltaClient, type Judgement, listenerType, routeType } from "./delta-client.ts";
import { askAsIstioctl, controlPlaneOf, sectionOf, type StatusRow, statusRows } from "./istioctl-client.ts";
import { subsets } from "./plain-envoy-config.ts";

const syncType = "istio.io/debug/syncz";
const dumpType = "istio.io/debug/config_dump";
const pageType = "istio.io/debug";

/** What `istioctl proxy-status`, `proxy-status POD`, `version` and `x internal-debug` do, by their own requests and rules. */
suite("istioctl", () => {
  const owned = new AsyncDisposableStack();
  let mesh: LoopbackMesh;
  let plane: LateenUp;
  const proxies: { readonly pod: string; readonly envoy: Envoy }[] = [];

  before(async () => {
    mesh = owned.use(
      await LoopbackMesh.create({
        workloads: [
          { app: "reviews", bare: true },
          { app: "ratings", mutualTls: false },
          { app: "web", mutualTls: false },
        ],
      }),
    );
    const folder = owned.use(await ConfigFolder.create());
    const route = [{ destination: { host: mesh.host("reviews"), subset: "v1" } }];
    const match = [{ uri: { prefix: "/a" }, headers: { "x-b": { exact: "1" }, "x-a": { regex: "2+" } } }];
    const headers = { request: { set: { "x-c": "1", "x-a": "2" } } };
    await folder.write("mesh.yaml", [
      ...mesh.manifests(),
      subsets(mesh, "reviews"),
      virtualService(
        { namespace: mesh.namespace, name: "reviews" },
        { hosts: [mesh.host("reviews")], http: [{ match, headers, timeout: "2s", route }, { route }] },
      ),
    ]);
    plane = owned.use(await startLateenUp({ config: folder.path, flags: ["--split-route-tables-from", "1"] }));
    const xds = { address: "127.0.0.1", port: plane.ports.grpc };
    for (const [app, protocol] of [
      ["ratings", "GRPC"],
      ["web", "DELTA_GRPC"],
    ] as const) {
      const node = { type: "sidecar", ...mesh.workload(app) } as const;
      const envoy = owned.use(await startEnvoy({ name: app, bootstrap: adsBootstrap({ node, xds, protocol }) }));
      proxies.push({ pod: `${node.pod}.${node.namespace}`, envoy });
    }
  });
  after(() => owned.disposeAsync());

  const ask = (typeUrl: string, ...names: readonly string[]) =>
    askAsIstioctl(`127.0.0.1:${plane.ports.grpc}`, { typeUrl, names });
  const rowOf = async (pod: string): Promise<StatusRow | undefined> =>
    statusRows(await ask(syncType)).find(({ name }) => name === pod);
  const page = async (name: string): Promise<string> => {
    const { resources } = await ask(pageType, name);
    assert.deepEqual(
      resources.map(({ typeUrl }) => typeUrl),
      [pageType],
    );
    return Buffer.from(resources[0]?.value ?? "").toString();
  };
  const connect = (pod: string, judge: (typeUrl: string) => Judgement): DeltaClient => {
    const node = { type: "sidecar", address: mesh.addresses.address(), pod, namespace: mesh.namespace } as const;
    const address = `127.0.0.1:${plane.ports.grpc}`;
    return owned.use(new DeltaClient({ address, node, judge: ({ typeUrl }) => judge(typeUrl) }));
  };

  test("proxy-status: every proxy by its name, in sync", async () => {
    for (const { pod } of proxies) {
      const expected = {
        ...{ name: pod, cluster: "Kubernetes", istiod: "local", version: "1.31.0", errors: [] },
        types: {
          Listener: "SYNCED",
          RouteConfiguration: "SYNCED",
          ClusterLoadAssignment: "SYNCED",
          Cluster: "SYNCED",
          TypedExtensionConfig: "NOT_SENT",
        },
      };
      await eventually(async () => assert.deepEqual(await rowOf(pod), expected) ?? true, { what: `${pod} is in sync` });
    }
    assert.equal(statusRows(await ask(syncType)).length, proxies.length, "who asks is not listed");
  });

  test("proxy-status POD: what Envoy has is what it should have", async () => {
    for (const { pod, envoy } of proxies) {
      const { resources } = await ask(dumpType, pod);
      const own = dumpOf(await envoy.admin.get("/config_dump"));
      assert.deepEqual(clustersOf(resources), clustersOf(own), pod);
      assert.deepEqual(listenersOf(resources), listenersOf(own), pod);
      assert.deepEqual(routesOf(resources), routesOf(own), pod);
      assert.ok(clustersOf(own).length > 3 && listenersOf(own).length > 1 && routesOf(own).length > 0);
    }
  });

  test("a proxy that never answers is stale", async () => {
    connect("stalled-1", (typeUrl) => (typeUrl === listenerType ? "silence" : "accept"));
    await eventually(async () => (await rowOf(`stalled-1.${mesh.namespace}`))?.types["Listener"] === "STALE");
  });

  test("a proxy that refuses is in error, and the object is named", async () => {
    const refusal = "route: no such filter";
    const client = connect("picky-1", (typeUrl) => (typeUrl === routeType ? { refuse: refusal } : "accept"));
    client.subscribe(routeType, String(mesh.servicePort));
    const row = await eventually(async () => {
      const found = await rowOf(`picky-1.${mesh.namespace}`);
      return found?.types["RouteConfiguration"] === "ERROR" && found;
    });
    assert.deepEqual(row.errors, [`${refusal} (from VirtualService/${mesh.namespace}/reviews)`]);
    const [entry] = (await plane.debug<Synced[]>("/debug/syncz?proxyID=picky-1")) as [Synced];
    const refused = entry.types.find(({ name }) => name === "RDS");
    assert.deepEqual(refused?.objects, [`VirtualService/${mesh.namespace}/reviews`]);
    assert.deepEqual(refused.resources, [String(mesh.servicePort)]);
    const progress = await plane.debug<{ laggards: string[]; refusals: { proxy: string; objects: string[] }[] }>(
      "/debug/progressz",
    );
    assert.ok(progress.laggards.includes(`picky-1.${mesh.namespace}`));
    assert.deepEqual(
      progress.refusals.map(({ proxy, objects }) => [proxy, objects]),
      [[`picky-1.${mesh.namespace}`, [`VirtualService/${mesh.namespace}/reviews`]]],
    );
    const { code, output } = await runLateen(["proxy-status", "--url", `http://127.0.0.1:${plane.ports.http}`]);
    assert.equal(code, 1);
    assert.match(output, /^NAME +CLUSTER .*ISTIOD +VERSION$/m);
    assert.match(output, /behind: .*picky-1/);
    assert.match(
      output,
      /picky-1\.\w+ refused RDS \d+: route: no such filter\n {2}look at VirtualService\/\w+\/reviews/,
    );
  });

  test("version: who answers, and of what release", async () => {
    const { Component, ID, Info } = controlPlaneOf(await ask(syncType));
    assert.deepEqual([Component, ID], ["istiod", "local"]);
    assert.notEqual(Info.version, "");
    const answer = await fetch(`http://127.0.0.1:${plane.ports.monitoring}/version`);
    const { clientVersion } = (await answer.json()) as { clientVersion: { version: string } };
    assert.equal(clientVersion.version, Info.version);
    const dashboard = await fetch(`http://127.0.0.1:${plane.ports.monitoring}/debug/list`);
    assert.ok(((await dashboard.json()) as string[]).includes("syncz"));
  });

  test("x internal-debug: every page there is, and the sentences that istioctl acts on", async () => {
    const names = JSON.parse(await page("list")) as string[];
    for (const name of ["adsz", "config_dump", "configz", "connections", "edsz", "endpointz", "registryz", "syncz"])
      assert.ok(names.includes(name), name);
    const pod = proxies[0]?.pod ?? "";
    for (const name of names) JSON.parse(await page(`${name}?proxyID=${pod}`));
    assert.match(await page("edsz"), /You must provide a proxyID in the query string/);
    assert.match(await page("edsz?proxyID=nobody"), /Proxy not connected to this Pilot instance/);
    assert.match(await page("nothing"), /404 page not found/);
    const other = await ask(dumpType, "nobody.shop");
    assert.match(Buffer.from(other.resources[0]?.value ?? "").toString(), /Proxy not connected to this Pilot instance/);
    assert.match(await page(`edsz?proxyID=${pod}`), /outbound\|\d+\|v1\|reviews/);
  });
});

interface Synced {
  readonly types: readonly { readonly name: string; readonly objects?: string[]; readonly resources?: string[] }[];
}

/** Sections of Envoy's own dump. */
function dumpOf(json: string): readonly Any[] {
  const { configs } = JSON.parse(json) as { configs: { "@type": string }[] };
  return configs
    .filter((section) => /\.(Clusters|Listeners|Routes)ConfigDump$/.test(section["@type"]))
    .map((section) => fromEnvoyJson(section) as unknown as Any);
}

function clustersOf(dump: readonly Any[]): readonly object[] {
  return shown(sectionOf(ClustersConfigDumpSchema, dump).dynamicActiveClusters.map(({ cluster }) => cluster));
}

function listenersOf(dump: readonly Any[]): readonly object[] {
  const { dynamicListeners } = sectionOf(ListenersConfigDumpSchema, dump);
  return shown(dynamicListeners.map(({ activeState }) => activeState?.listener));
}

/** As istioctl compares them: hosts by name. */
function routesOf(dump: readonly Any[]): readonly object[] {
  const { dynamicRouteConfigs } = sectionOf(RoutesConfigDumpSchema, dump);
  return shown(dynamicRouteConfigs.map(({ routeConfig }) => routeConfig)).map((table) => {
    const { virtual_hosts: hosts = [] } = table as { virtual_hosts?: { name: string }[] };
    return { ...table, virtual_hosts: hosts.toSorted((a, b) => (a.name < b.name ? -1 : 1)) };
  });
}

function shown(resources: readonly (Any | undefined)[]): readonly object[] {
  return resources
    .filter((resource) => resource !== undefined)
    .map((resource) => toEnvoyJson({ ...resource, name: "" }) as { name: string })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
