import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { createRootCa } from "@lateen/pki";
import {
  assertShare,
  destinationRule,
  eventually,
  Load,
  probeTls,
  type SampleAnswer,
  type Sidecar,
  send,
  sendMany,
  startLateenUp,
  virtualService,
} from "@lateen/e2e-harness";
import { issueClientCertificate, readCa } from "./certificates.ts";
import { metricSum } from "./metrics-page.ts";
import { subsets } from "./plain-envoy-config.ts";
import { ThreeSidecars } from "./three-sidecars.ts";

/** Identity, routing and telemetry between real proxies. */
suite("a mesh of three sidecars", () => {
  const owned = new AsyncDisposableStack();
  let running: ThreeSidecars;

  before(async () => {
    running = owned.use(await ThreeSidecars.start());
  });
  after(() => owned.disposeAsync());

  test("the server learns the caller's SPIFFE id, over mutual TLS", async () => {
    const { body } = await running.ask("/who");
    const { headers } = JSON.parse(body) as SampleAnswer;
    assert.match(
      String(headers["x-forwarded-client-cert"]),
      new RegExp(`URI=${running.mesh.identity("frontend")}(;|$|,)`),
    );
    const handshakes = await running.reviewsV1.admin.stats(/^listener\..*\.ssl\.handshake$/);
    const more = await running.reviewsV2.admin.stats(/^listener\..*\.ssl\.handshake$/);
    assert.ok(
      [...handshakes.values(), ...more.values()].some((count) => count > 0),
      "no TLS handshake was made",
    );
  });

  test("the access log names the peer's SPIFFE id on both sides", async () => {
    const path = "/for-the-access-log";
    assert.equal((await running.ask(path)).status, 200);
    const line = (sidecar: Sidecar): string | undefined =>
      sidecar.output.split("\n").find((text) => text.includes(path));
    const server = await eventually(() => line(running.reviewsV1) ?? line(running.reviewsV2), {
      what: "the server's access log",
    });
    assert.ok(server.includes(running.mesh.identity("frontend")), server);
    const client = await eventually(() => line(running.frontend), { what: "the client's access log" });
    assert.ok(client.includes(running.mesh.identity("reviews")), client);
  });

  test("a proxy shows its SPIFFE id, and takes a caller whose certificate is the mesh's", async () => {
    const { address, port } = running.reviewsV1.workload;
    const request = {
      address,
      port,
      alpn: ["istio"],
      payload: "GET / HTTP/1.1\r\nHost: reviews\r\nConnection: close\r\n\r\n",
    };
    const identity = { trustDomain: "cluster.local", namespace: "visitors", serviceAccount: "guest" };
    const ours = await issueClientCertificate(await readCa(running.plane.state), identity);
    const answer = await probeTls({ ...request, ...ours });
    assert.equal(answer.peerNames, `URI:${running.mesh.identity("reviews")}`);
    assert.match(answer.received, /^HTTP\/1\.1 200[\s\S]*URI=spiffe:\/\/cluster\.local\/ns\/visitors\/sa\/guest/);
    await assert.rejects(probeTls(request), "a caller without a certificate is answered");
    const foreign = await issueClientCertificate(await createRootCa({ organization: "elsewhere" }), identity);
    await assert.rejects(probeTls({ ...request, ...foreign }), "a caller from another CA is answered");
  });

  test("a 90/10 split is 90/10", async () => {
    const http = [
      {
        headers: { response: { set: { "x-split": "90/10" } } },
        route: [90, 10].map((weight, n) => ({
          destination: { host: running.mesh.host("reviews"), subset: `v${n + 1}` },
          weight,
        })),
      },
    ];
    const isLive = async (): Promise<boolean> => {
      const some = await sendMany(20, () => running.toReviews("/"));
      return some.every(({ headers }) => headers["x-split"] === "90/10");
    };
    await running.during(
      [virtualService(running.named("reviews"), { hosts: [running.mesh.host("reviews")], http })],
      isLive,
      async () => {
        const answers = await sendMany(1_000, () => running.toReviews("/"));
        assert.ok(answers.every(({ status }) => status === 200));
        assertShare(answers.filter(({ body }) => body.includes('"v2"')).length, answers.length, 0.1);
      },
    );
  });

  test("a timeout is 504 when it is over", async () => {
    const http = [{ timeout: "0.3s", route: [{ destination: { host: running.mesh.host("reviews") } }] }];
    const isLive = async (): Promise<boolean> => (await running.ask("/delay/2000")).status === 504;
    await running.during(
      [virtualService(running.named("reviews"), { hosts: [running.mesh.host("reviews")], http })],
      isLive,
      async () => {
        const { status, tookMs } = await running.ask("/delay/40000");
        assert.equal(status, 504);
        assert.ok(tookMs >= 290 && tookMs < 39_000, `${tookMs} ms`);
      },
    );
  });

  test("an endpoint that keeps failing is ejected", async () => {
    const { sample } = running.mesh.workload("reviews", "v2");
    const outlierDetection = {
      consecutive5xxErrors: 3,
      interval: "0.5s",
      baseEjectionTime: "30s",
      maxEjectionPercent: 100,
    };
    const rule = destinationRule(running.named("reviews-outlier"), {
      host: running.mesh.host("reviews"),
      trafficPolicy: { outlierDetection },
    });
    const retry = {
      hosts: [running.mesh.host("reviews")],
      http: [{ retries: { attempts: 0 }, route: [{ destination: { host: running.mesh.host("reviews") } }] }],
    };
    sample.answerAlways(503);
    const isEjected = async (): Promise<boolean> => {
      const some = await sendMany(20, () => running.toReviews("/"));
      return some.every(({ status }) => status === 200);
    };
    try {
      await running.folder.remove("subsets.yaml"); // the other rule for this host
      await running.during([rule, virtualService(running.named("reviews"), retry)], isEjected, async () => {
        // Envoy's workers learn of an ejection up to a second apart (update_merge_window).
        const isAlone = async (): Promise<boolean> => {
          const answers = await sendMany(100, () => running.toReviews("/"));
          return answers.every(({ body }) => (JSON.parse(body) as SampleAnswer).version === "v1");
        };
        await eventually(isAlone, { what: "a hundred answers, all of v1" });
        sample.answerAlways(undefined);
      });
    } finally {
      sample.answerAlways(undefined);
      await running.folder.write("subsets.yaml", [subsets(running.mesh, "reviews")]);
    }
  });

  test("istio_requests_total counts each request with Istio's labels", async () => {
    const labels = {
      reporter: "destination",
      source_principal: running.mesh.identity("frontend"),
      source_workload_namespace: running.mesh.namespace,
      source_app: "frontend",
      destination_principal: running.mesh.identity("reviews"),
      destination_service: running.mesh.host("reviews"),
      destination_service_name: "reviews",
      destination_service_namespace: running.mesh.namespace,
      destination_app: "reviews",
      request_protocol: "http",
      response_code: "418",
      connection_security_policy: "mutual_tls",
    };
    const count = async (more: Record<string, string> = {}): Promise<number> =>
      metricSum(await running.plane.metrics(), "istio_requests_total", { ...labels, ...more });
    const before = await count();
    await sendMany(40, () => running.toReviews("/status/418"));
    await eventually(async () => (await count()) - before >= 40, { what: "40 requests are counted" });
    assert.equal((await count()) - before, 40);
    const durations = async (): Promise<number> =>
      metricSum(await running.plane.metrics(), "istio_request_duration_milliseconds_count", labels);
    await eventually(async () => (await durations()) === before + 40, { what: "40 durations are counted" });
    const { source_principal: _source, destination_principal: _destination, ...names } = labels;
    const atSource = { ...names, reporter: "source", connection_security_policy: "unknown" };
    const counted = async (): Promise<boolean> =>
      metricSum(await running.plane.metrics(), "istio_requests_total", atSource) === 40;
    await eventually(counted, { what: "the client's proxy counted 40 requests" });
  });

  test("the node agent is ready and shows Envoy's metrics with its own", async () => {
    const ready = await send({
      address: running.frontend.workload.address,
      port: running.frontend.readinessPort,
      path: "/healthz/ready",
    });
    assert.equal(ready.status, 200);
    const metrics = await send({
      address: running.frontend.workload.address,
      port: running.frontend.metricsPort,
      path: "/stats/prometheus",
    });
    assert.match(metrics.body, /^envoy_cluster_upstream_rq/m);
    assert.match(metrics.body, /^istio_agent_process_resident_memory_bytes/m);
  });

  test("Envoy refused nothing", async () => {
    for (const sidecar of running.sidecars) {
      const { rejected, rejectedNames } = await sidecar.admin.updates();
      assert.deepEqual({ rejected, rejectedNames }, { rejected: 0, rejectedNames: [] }, sidecar.process.tail());
    }
  });

  test("kill -9 of `lateen up`: no request fails, and the next one serves what was saved meanwhile", async () => {
    const { folder, mesh, plane } = running;
    await using load = Load.start({ request: () => running.toReviews("/") });
    await plane.process.crash();
    const http = [
      {
        headers: { response: { set: { "x-since": "restart" } } },
        route: [{ destination: { host: mesh.host("reviews") } }],
      },
    ];
    await folder.write("route.yaml", [
      virtualService(running.named("reviews"), { hosts: [mesh.host("reviews")], http }),
    ]);
    await load.answered(100);
    await using _again = await startLateenUp({ config: folder.path, ports: plane.ports, state: plane.state });
    const arrived = async (): Promise<boolean> => (await running.ask("/")).headers["x-since"] === "restart";
    await eventually(arrived, { what: "the saved route is live" });
    await load.answered(50);
    assert.deepEqual((await load.stop()).failures, []);
    for (const sidecar of running.sidecars) assert.equal((await sidecar.admin.updates()).rejected, 0);
  });
});
