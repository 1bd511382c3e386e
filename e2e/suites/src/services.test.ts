import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import {
  ConfigFolder,
  eventually,
  type HttpAnswer,
  Load,
  LoopbackMesh,
  rateLimit,
  type SeparateServices,
  type Sidecar,
  send,
  sendMany,
  startSeparateServices,
  startSidecars,
  virtualService,
} from "@lateen/e2e-harness";
import { metricSum } from "./metrics-page.ts";
import { clusterType, DeltaClient, listenerType } from "./delta-client.ts";

/** Requests that are answered before what crashed is started again: a second or more. */
const whileDown = 200;

/** Every service a process of its own over a real nats-server, three sidecars, and requests without pause. */
suite("separate services over NATS", () => {
  const owned = new AsyncDisposableStack();
  let mesh: LoopbackMesh;
  let folder: ConfigFolder;
  let services: SeparateServices;
  let sidecars: readonly Sidecar[];
  let generation = 0;

  before(async () => {
    mesh = owned.use(
      await LoopbackMesh.create({
        workloads: [{ app: "frontend" }, { app: "reviews" }, { app: "reviews", version: "v2" }],
      }),
    );
    folder = owned.use(await ConfigFolder.create());
    services = owned.use(await startSeparateServices({ config: folder.path, pilots: 2 }));
    await folder.write("services.yaml", [...mesh.manifests(), ...services.policyManifests]);
    await folder.write("limit.yaml", [limit()]);
    sidecars = await startSidecars(services.access, mesh.workloads);
    for (const sidecar of sidecars) owned.use(sidecar);
    await eventually(async () => (await send(toReviews())).status === 200, { what: "frontend reaches reviews" });
    await saveNext();
    await arrived();
  });
  after(() => owned.disposeAsync());

  const toReviews = () => {
    const { address } = mesh.workload("frontend");
    return { address, port: mesh.servicePort, host: `reviews.${mesh.namespace}:${mesh.servicePort}` };
  };
  /** High, so that it never bites, yet asks mixer-policy on every request. */
  const limit = () => {
    const rules = [{ name: "high", limit: { requests: 1_000_000, unit: "HOUR" } }];
    return rateLimit(
      { namespace: mesh.namespace, name: "reviews" },
      { selector: { matchLabels: { app: "reviews" } }, rules },
    );
  };
  /** Saves a route whose answers carry the next number. */
  const saveNext = async (): Promise<void> => {
    generation += 1;
    const host = mesh.host("reviews");
    const headers = { response: { set: { "x-generation": String(generation) } } };
    const http = [{ headers, route: [{ destination: { host } }] }];
    await folder.write("route.yaml", [
      virtualService({ namespace: mesh.namespace, name: "reviews" }, { hosts: [host], http }),
    ]);
  };
  const generationOf = ({ headers }: HttpAnswer): number => Number(headers["x-generation"] ?? 0);
  const arrived = (): Promise<true> =>
    eventually(async () => generationOf(await send(toReviews())) === generation || undefined, {
      what: `generation ${generation} is live`,
      timeoutMs: 30_000,
    });
  /** Runs `disturb` under load and expects that no request failed. */
  const underLoad = async (disturb: (load: Load) => Promise<void>): Promise<void> => {
    await using load = Load.start({ request: toReviews, perSecond: 200 });
    await load.answered(50);
    await disturb(load);
    await load.answered(50);
    const { requests, failures } = await load.stop();
    assert.deepEqual(failures.slice(0, 5), [], `${failures.length} of ${requests} requests failed`);
  };

  const crashes: readonly [name: string, what: () => { crash(): Promise<void>; restart(): Promise<void> }][] = [
    ["citadel", () => services.citadel],
    ["galley-validator", () => services.galleyValidator],
    ["the pilot of the sidecars", () => pilot(0)],
    ["the other pilot", () => pilot(1)],
    ["mixer-policy", () => services.mixerPolicy],
    ["nats-server", () => services.nats],
    ["a node agent", () => sidecar(1)],
  ];
  const pilot = (n: number) => services.pilots[n]?.service ?? assert.fail();
  const sidecar = (n: number): Sidecar => sidecars[n] ?? assert.fail();

  for (const [name, what] of crashes) {
    test(`kill -9 of ${name}: no request fails, and what is saved meanwhile arrives`, async () => {
      await underLoad(async (load) => {
        await what().crash();
        await saveNext();
        await load.answered(whileDown);
        await what().restart();
        await arrived();
        await saveNext();
        await arrived();
      });
    });
  }

  test("kill -9 of everything at once but the proxies: requests go on, and the mesh comes back", async () => {
    await underLoad(async (load) => {
      const all = [services.citadel, services.galleyValidator, services.mixerPolicy, pilot(0), pilot(1), services.nats];
      await Promise.all(all.map((one) => one.crash()));
      await saveNext();
      await load.answered(whileDown);
      await services.nats.restart();
      await services.citadel.restart();
      await Promise.all(
        [services.galleyValidator, services.mixerPolicy, pilot(0), pilot(1)].map((one) => one.restart()),
      );
      await arrived();
    });
  });

  test("SIGTERM ends each service in order, and its return fails no request", async () => {
    await underLoad(async () => {
      for (const one of [services.citadel, services.galleyValidator, services.mixerPolicy, pilot(0), pilot(1)]) {
        const { code } = await one.process.stop();
        assert.equal(code, 0, `${one.name}:\n${one.process.tail()}`);
        await one.restart();
      }
      await saveNext();
      await arrived();
    });
  });

  test("mixer-policy was asked, and counted what the load sent", async () => {
    const sum = async (name: string, labels: Record<string, string>): Promise<number> =>
      metricSum(await services.mixerPolicy.page("/metrics"), name, labels);
    const labels = { reporter: "destination", destination_service: mesh.host("reviews"), response_code: "200" };
    await sendMany(100, toReviews);
    await eventually(async () => (await sum("istio_requests_total", labels)) >= 100, { what: "requests are counted" });
    assert.ok((await sum("lateen_rate_limit_descriptors_total", {})) >= 100);
  });

  test("two pilots hand out the same versions, and a proxy that moves is sent nothing", async () => {
    const node = {
      type: "sidecar",
      address: mesh.addresses.address(),
      pod: "visitor-1",
      namespace: mesh.namespace,
    } as const;
    const address = (n: number): string => `127.0.0.1:${services.pilots[n]?.grpcPort}`;
    const reviews = /reviews\.shop/;
    await using first = new DeltaClient({ address: address(0), node });
    await first.has(clusterType, reviews);
    await first.has(listenerType, new RegExp(String(mesh.servicePort)));
    await using second = new DeltaClient({ address: address(1), node });
    await second.has(clusterType, reviews);
    await second.has(listenerType, new RegExp(String(mesh.servicePort)));
    await eventually(() => assert.deepEqual(second.versions, first.versions) ?? true);

    await using moved = new DeltaClient({ address: address(1), node, known: first.versions });
    const marker = { namespace: mesh.namespace, name: "marker" };
    const spec = { clusterIP: mesh.addresses.address(), ports: [{ name: "http", port: mesh.servicePort }] };
    await folder.write("marker.yaml", [{ apiVersion: "v1", kind: "Service", metadata: marker, spec }]);
    await moved.has(clusterType, /marker\.shop/);
    assert.deepEqual(
      moved.sent.filter((sent) => !sent.includes("marker.shop")),
      [],
    );
    await folder.remove("marker.yaml");
  });

  test("each service shows metrics, health and version; nobody logged a fault", async () => {
    for (const service of [services.citadel, services.galleyValidator, services.mixerPolicy, pilot(0), pilot(1)]) {
      assert.match(await service.page("/metrics"), /^lateen_build_info\{/m);
      await service.page("/healthz");
      assert.match(await service.page("/version"), new RegExp(service.name.split(" ")[0] ?? ""));
      assert.doesNotMatch(service.process.output, /"level":"fatal"/, service.name);
    }
  });

  test("Envoy refused nothing", async () => {
    for (const one of sidecars) assert.deepEqual((await one.admin.updates()).rejectedNames, [], one.process.tail());
  });
});
