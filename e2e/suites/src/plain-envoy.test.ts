import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import {
  adsBootstrap,
  assertShare,
  ConfigFolder,
  type Envoy,
  eventually,
  freePorts,
  type HttpRequest,
  type LateenUp,
  LoopbackMesh,
  peerAuthentication,
  type SampleAnswer,
  send,
  sendMany,
  startEnvoy,
  startLateenUp,
  tlsSecret,
  virtualService,
} from "@lateen/e2e-harness";
import { issueServerCertificate } from "./certificates.ts";
import { credentialName, edgeGateway, edgeRoutes, legacyHost, publicHost, subsets } from "./plain-envoy-config.ts";

/** `lateen up` and an upstream Envoy that has nothing but an ADS bootstrap. Both xDS protocols, the same expectations. */
for (const protocol of ["GRPC", "DELTA_GRPC"] as const) {
  suite(`an upstream Envoy over ${protocol === "GRPC" ? "state-of-the-world" : "delta"} xDS`, () => {
    const owned = new AsyncDisposableStack();
    const certificate = issueServerCertificate([publicHost]);
    let mesh: LoopbackMesh;
    let plane: LateenUp;
    let folder: ConfigFolder;
    let edge: Envoy;
    let sidecar: Envoy;
    let ports: { http: number; https: number };

    before(async () => {
      const [http = 0, https = 0] = await freePorts(2);
      ports = { http, https };
      mesh = owned.use(
        await LoopbackMesh.create({
          workloads: [
            { app: "reviews", bare: true },
            { app: "reviews", version: "v2", bare: true },
            { app: "ratings", mutualTls: false },
            { app: "legacy", bare: true },
          ],
        }),
      );
      folder = owned.use(await ConfigFolder.create());
      const { namespace } = mesh;
      await folder.write("services.yaml", mesh.manifests());
      await folder.write("routing.yaml", [
        subsets(mesh, "reviews"),
        edgeGateway(namespace, ports),
        edgeRoutes(mesh),
        legacyHost(mesh),
      ]);
      await folder.write("secret.yaml", [tlsSecret({ namespace, name: credentialName }, await certificate)]);
      plane = owned.use(await startLateenUp({ config: folder.path }));
      const xds = { address: "127.0.0.1", port: plane.ports.grpc };
      const ratings = mesh.workload("ratings");
      const router = {
        type: "router",
        address: mesh.addresses.address(),
        pod: "edge-1",
        namespace,
        labels: { istio: "edge" },
      } as const;
      edge = owned.use(await startEnvoy({ name: "edge", bootstrap: adsBootstrap({ node: router, xds, protocol }) }));
      sidecar = owned.use(
        await startEnvoy({
          name: "ratings",
          bootstrap: adsBootstrap({ node: { type: "sidecar", ...ratings }, xds, protocol }),
        }),
      );
      await eventually(async () => (await ask({ path: "/" })).status === 200, { what: "the gateway answers" });
    });
    after(() => owned.disposeAsync());

    const ask = (request: Partial<HttpRequest>): ReturnType<typeof send> =>
      send({ port: ports.http, host: publicHost, ...request });
    const answerOf = async (request: Partial<HttpRequest>): Promise<SampleAnswer> => {
      const { status, body } = await ask(request);
      assert.equal(status, 200, body);
      return JSON.parse(body) as SampleAnswer;
    };

    test("weights split requests", async () => {
      const answers = await sendMany(1_000, () => ({ port: ports.http, host: publicHost, path: "/split" }));
      assert.ok(answers.every(({ status }) => status === 200));
      assertShare(answers.filter(({ body }) => body.includes('"v2"')).length, answers.length, 0.25);
    });

    test("redirect and rewrite", async () => {
      const { status, headers } = await ask({ path: "/gone" });
      assert.equal(status, 302);
      assert.match(String(headers.location), /^https?:\/\/new\.example\.com(:\d+)?\/here$/);
      const rewritten = await answerOf({ path: "/old/thing?x=1" });
      assert.equal(rewritten.path, "/new/thing?x=1");
      assert.equal(rewritten.headers.host, "inner.example.com");
    });

    test("fault: abort and delay", async () => {
      assert.equal((await ask({ path: "/teapot" })).status, 418);
      const late = await ask({ path: "/late" });
      assert.equal(late.status, 200);
      assert.ok(late.tookMs >= 390, `${late.tookMs} ms`);
    });

    test("timeout: 504 when it is over, not when the app answers", async () => {
      const { status, tookMs } = await ask({ path: "/timeout" });
      assert.equal(status, 504);
      assert.ok(tookMs < 39_000, `${tookMs} ms`);
    });

    test("retries: the app sees the request and three more", async () => {
      const { sample } = mesh.workload("reviews", "v1");
      const before = sample.requests;
      assert.equal((await ask({ path: "/retry" })).status, 503);
      assert.equal(sample.requests - before, 4);
    });

    test("matches on header, method, query and regular expression", async () => {
      assert.equal((await answerOf({ path: "/by" })).version, "v1");
      assert.equal((await answerOf({ path: "/by", headers: { "x-user": "jason" } })).version, "v2");
      assert.equal((await answerOf({ path: "/by", headers: { "x-user": "jasonette" } })).version, "v1");
      assert.equal((await answerOf({ path: "/by", method: "POST" })).version, "v2");
      assert.equal((await answerOf({ path: "/by?beta=yes" })).version, "v2");
      assert.equal((await answerOf({ path: "/v2/x" })).version, "v2");
      assert.equal((await answerOf({ path: "/v1/x" })).version, "v1");
    });

    test("headers are set, added and removed", async () => {
      const answer = await ask({ path: "/headers", headers: { "x-secret": "s" } });
      const { headers } = JSON.parse(answer.body) as SampleAnswer;
      assert.equal(headers["x-added"], "by the mesh");
      assert.equal(headers["x-secret"], undefined);
      assert.equal(answer.headers["x-served-by"], "lateen");
    });

    test("a ServiceEntry's host outside the mesh is reached", async () => {
      assert.equal((await answerOf({ path: "/outside" })).app, "legacy");
    });

    test("an unknown host is 404", async () => {
      assert.equal((await ask({ host: "unknown.example.com" })).status, 404);
    });

    test("HTTPS with the certificate of credentialName", async () => {
      const { rootPem } = await certificate;
      const { status, body } = await ask({
        port: ports.https,
        path: "/",
        tls: { serverName: publicHost, root: rootPem },
      });
      assert.equal(status, 200);
      assert.equal((JSON.parse(body) as SampleAnswer).app, "reviews");
    });

    test("a renewed certificate is served without a restart", async () => {
      const renewed = await issueServerCertificate([publicHost]);
      const { namespace } = mesh;
      await folder.replace("secret.yaml", [tlsSecret({ namespace, name: credentialName }, renewed)]);
      const tls = { serverName: publicHost, root: renewed.rootPem };
      await eventually(async () => (await ask({ port: ports.https, tls })).status === 200, {
        what: "the new certificate is served",
      });
    });

    test("a sidecar sends outbound requests by Host and takes inbound ones", async () => {
      const { address, port } = mesh.workload("ratings");
      const outbound = await send({ address, port: mesh.servicePort, host: `reviews.shop:${mesh.servicePort}` });
      assert.equal(outbound.status, 200);
      assert.equal((JSON.parse(outbound.body) as SampleAnswer).app, "reviews");
      const inbound = await send({ address, port, host: mesh.host("ratings") });
      assert.equal((JSON.parse(inbound.body) as SampleAnswer).app, "ratings");
    });

    /** What reviews answers through the sidecar of ratings. */
    const statusThroughSidecar = async (): Promise<number> => {
      const { address } = mesh.workload("ratings");
      return (await send({ address, port: mesh.servicePort, host: `reviews.shop:${mesh.servicePort}` })).status;
    };
    const aborting = (httpStatus: number): object => {
      const fault = { abort: { percentage: { value: 100 }, httpStatus } };
      const http = [{ fault, route: [{ destination: { host: mesh.host("reviews") } }] }];
      return virtualService({ namespace: mesh.namespace, name: "reviews" }, { hosts: [mesh.host("reviews")], http });
    };
    const list = (...items: readonly object[]): object => ({ apiVersion: "v1", kind: "List", items });

    const files: readonly [name: string, content: () => string | readonly object[]][] = [
      ["route.yaml", () => [aborting(410)]],
      ["route.json", () => JSON.stringify(aborting(410))],
      ["deep/er/route.yml", () => [list(aborting(410))]],
      ["list.json", () => JSON.stringify(list(aborting(410)))],
    ];
    for (const [name, content] of files) {
      test(`${name} reaches the running proxies, and so does its end`, async () => {
        await folder.write(name, content());
        await eventually(async () => (await statusThroughSidecar()) === 410, { what: "the new route answers" });
        await folder.remove(name);
        await eventually(async () => (await statusThroughSidecar()) === 200, { what: "the deleted route is gone" });
      });
    }

    test("STRICT without an agent: inbound is refused rather than open, outbound goes on", async () => {
      const { address, port } = mesh.workload("ratings");
      const inbound = () => send({ address, port, host: mesh.host("ratings") });
      assert.equal((await inbound()).status, 200);
      await folder.write("strict.yaml", [peerAuthentication({ namespace: mesh.namespace, name: "default" }, "STRICT")]);
      const isRefused = (): Promise<boolean> =>
        inbound().then(
          ({ status }) => status >= 400,
          () => true,
        );
      await eventually(isRefused, { what: "plaintext is refused" });
      assert.equal(await statusThroughSidecar(), 200);
      const findings = await plane.debug<readonly { message: string }[]>("/debug/findingz");
      assert.match(JSON.stringify(findings), /STRICT/, "the operator is told");
      await folder.remove("strict.yaml");
      await eventually(async () => (await inbound()).status === 200, { what: "plaintext is taken again" });
    });

    test("Envoy refused nothing", async () => {
      for (const envoy of [edge, sidecar]) {
        const { accepted, rejected, rejectedNames } = await envoy.admin.updates();
        assert.deepEqual({ rejected, rejectedNames }, { rejected: 0, rejectedNames: [] }, envoy.process.tail());
        assert.ok(accepted >= 4, `${accepted} updates were accepted`);
      }
    });
  });
}
