import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import {
  assertShare,
  authorizationPolicy,
  ConfigFolder,
  destinationRule,
  endpointSlice,
  eventually,
  freePort,
  type LateenUp,
  LoopbackBlock,
  peerAuthentication,
  startLateenUp,
  TempDir,
  virtualService,
} from "@lateen/e2e-harness";
import { issueClientCertificate, readCa } from "./certificates.ts";
import { metricSum } from "./metrics-page.ts";
import type { CallReport } from "./proxyless/protocol.ts";
import { grpcGo, grpcJs, XdsProgram, type XdsProgramOptions } from "./proxyless/xds-program.ts";

const namespace = "shop";
const servicePort = 7000;
const target = `cart.${namespace}:${servicePort}`;

/** Public gRPC libraries, without an Envoy anywhere: clients and servers that get everything by xDS. */
for (const library of [grpcJs, await grpcGo()])
  suite(`proxyless gRPC: ${library.name}`, () => {
    const owned = new AsyncDisposableStack();
    let folder: ConfigFolder;
    let plane: LateenUp;
    let client: XdsProgram;
    let programOf: (pod: string, app: string, version?: string) => Promise<XdsProgramOptions>;

    before(async () => {
      folder = owned.use(await ConfigFolder.create());
      const directory = owned.use(await TempDir.create());
      const addresses = owned.use(await LoopbackBlock.reserve());
      plane = owned.use(await startLateenUp({ config: folder.path }));
      const ca = await readCa(plane.state);
      programOf = async (pod, app, version = "v1") => {
        const identity = { trustDomain: "cluster.local", namespace, serviceAccount: app };
        const { certificate, privateKey } = await issueClientCertificate(ca, identity);
        return {
          ...{
            directory,
            pod,
            namespace,
            address: addresses.address(),
            port: await freePort(),
            xdsPort: plane.ports.grpc,
          },
          labels: { app, version, "security.istio.io/tlsMode": "istio" },
          certificates: { chain: certificate, privateKey, roots: ca.rootsPem },
        };
      };
      const servers = [await programOf("cart-v1", "cart", "v1"), await programOf("cart-v2", "cart", "v2")];
      const caller = await programOf("caller", "caller");
      await folder.write("services.yaml", [cartService(addresses.address()), ...servers.flatMap(backend)]);
      await folder.write("rules.yaml", [
        destinationRule(named("cart"), {
          host: "cart",
          trafficPolicy: { tls: { mode: "DISABLE" } },
          subsets: ["v1", "v2"].map((version) => ({ name: version, labels: { version } })),
        }),
        peerAuthentication(named("default"), "DISABLE"),
      ]);
      for (const server of servers) owned.use(await XdsProgram.serve(library, server));
      client = owned.use(await XdsProgram.client(library, caller));
      await eventually(async () => (await ask(4)).errors["UNAVAILABLE"] === undefined, { what: "both servers answer" });
    });
    after(() => owned.disposeAsync());

    const named = (name: string) => ({ namespace, name });
    const ask = (count: number, headers: Readonly<Record<string, string>> = {}): Promise<CallReport> =>
      client.call({ target, count, headers });

    async function during(manifests: readonly object[], live: () => Promise<boolean>, run: () => Promise<void>) {
      await folder.write("case.yaml", manifests);
      try {
        await eventually(live, { what: "the change is live" });
        await run();
      } finally {
        await folder.remove("case.yaml");
        await eventually(async () => (await ask(1)).errors["UNAVAILABLE"] === undefined, { what: "all is as before" });
      }
    }

    test("balances over all endpoints of a service, by every form of its name", async () => {
      for (const name of ["cart", "cart.shop", "cart.shop.svc", "cart.shop.svc.cluster.local"]) {
        const target = `${name}:${servicePort}`;
        const isBalanced = async () => Object.keys((await client.call({ target, count: 2 })).answers).length === 2;
        await eventually(isBalanced, { what: `connections to both servers of ${name}` });
        const { answers, errors, detail } = await client.call({ target, count: 20 });
        assert.deepEqual(errors, {}, detail);
        const { "cart-v1": first = 0, "cart-v2": second = 0 } = answers;
        assert.equal(first + second, 20);
        assert.ok(Math.abs(first - second) <= 4, `${name}: ${first} and ${second}`);
      }
    });

    test("splits by weight", async () => {
      const route = [weighted("v1", 80), weighted("v2", 20)];
      // Go's library fails calls for a moment when a route names clusters that it does not have yet.
      const isLive = async (): Promise<boolean> => {
        const { answers } = await ask(40);
        return (answers["cart-v1"] ?? 0) > 24 && (answers["cart-v2"] ?? 0) > 0;
      };
      await during([virtualService(named("cart"), { hosts: ["cart"], http: [{ route }] })], isLive, async () => {
        const { answers, errors, detail } = await ask(1_000);
        assert.deepEqual(errors, {}, detail);
        assertShare(answers["cart-v2"] ?? 0, 1_000, 0.2);
      });
    });

    test("matches headers, and injects faults", async () => {
      const http = [
        { match: [{ headers: { "x-canary": { exact: "yes" } } }], route: [weighted("v2", 100)] },
        {
          match: [{ headers: { "x-bad": { exact: "yes" } } }],
          fault: { abort: { grpcStatus: "PERMISSION_DENIED", percentage: { value: 100 } } },
          route: [weighted("v1", 100)],
        },
        { route: [weighted("v1", 100)] },
      ];
      const isLive = async (): Promise<boolean> => (await ask(60)).answers["cart-v1"] === 60;
      await during([virtualService(named("cart"), { hosts: ["cart"], http })], isLive, async () => {
        assert.deepEqual((await ask(10)).answers, { "cart-v1": 10 });
        assert.deepEqual((await ask(10, { "x-canary": "yes" })).answers, { "cart-v2": 10 });
        assert.deepEqual((await ask(3, { "x-bad": "yes" })).errors, { PERMISSION_DENIED: 3 });
      });
    });

    test("a destination that does not exist fails its share of calls, and only that", async () => {
      const route = [weighted("v1", 50), weighted("v9", 50)];
      const isLive = async (): Promise<boolean> => {
        const { answers, errors } = await ask(20);
        return (errors["UNAVAILABLE"] ?? 0) > 0 && (answers["cart-v1"] ?? 0) > 0 && answers["cart-v2"] === undefined;
      };
      await during(
        [virtualService(named("cart"), { hosts: ["cart"], http: [{ route, retries: { attempts: 0 } }] })],
        isLive,
        async () => {
          const { answers, errors } = await ask(400);
          assertShare(answers["cart-v1"] ?? 0, 400, 0.5);
          assert.equal((answers["cart-v1"] ?? 0) + (errors["UNAVAILABLE"] ?? 0), 400);
        },
      );
    });

    test("mutual TLS: both sides show the mesh's certificates, and an AuthorizationPolicy goes by them", async () => {
      const rules = (mode: string) =>
        destinationRule(named("cart"), {
          host: "cart",
          trafficPolicy: { tls: { mode } },
          subsets: ["v1", "v2"].map((version) => ({ name: version, labels: { version } })),
        });
      const allow = (accounts: readonly string[]) =>
        authorizationPolicy(named("cart"), {
          selector: { matchLabels: { app: "cart" } },
          rules: [
            {
              from: [
                { source: { principals: accounts.map((account) => `cluster.local/ns/${namespace}/sa/${account}`) } },
              ],
            },
          ],
        });
      const apply = (mode: string, ...accounts: readonly string[]) =>
        folder.write("rules.yaml", [rules(mode), peerAuthentication(named("default"), "STRICT"), allow(accounts)]);
      await apply("ISTIO_MUTUAL", "caller");
      await eventually(async () => Object.keys((await ask(4)).errors).length === 0, { what: "calls over mutual TLS" });
      await apply("ISTIO_MUTUAL", "other");
      await eventually(async () => (await ask(4)).errors["PERMISSION_DENIED"] === 4, {
        what: "a refusal by the policy",
      });
      // A library keeps the connections it has; a change of the server's rules ends them.
      let round = 0;
      const isRefused = async (): Promise<boolean> => {
        await apply("DISABLE", "caller", `round-${++round}`);
        return (await ask(4)).errors["UNAVAILABLE"] === 4;
      };
      await eventually(isRefused, { what: "plaintext is refused" });
      await apply("ISTIO_MUTUAL", "caller");
      await eventually(async () => Object.keys((await ask(4)).errors).length === 0, { what: "calls work again" });
    });

    test("no library refused anything", async () => {
      const page = await plane.metrics();
      assert.equal(metricSum(page, "pilot_total_xds_rejects", {}), 0);
      assert.equal(metricSum(page, "pilot_xds", {}) >= 3, true);
    });
  });

function weighted(subset: string, weight: number): object {
  return { destination: { host: "cart", subset }, weight };
}

function cartService(clusterIP: string): object {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace, name: "cart" },
    spec: { clusterIP, selector: { app: "cart" }, ports: [{ name: "grpc", port: servicePort, targetPort: "grpc" }] },
  };
}

function backend({ pod, address, port, labels }: XdsProgramOptions): readonly object[] {
  return [
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { namespace, name: pod, labels },
      spec: {
        serviceAccountName: "cart",
        containers: [{ name: "app", ports: [{ name: "grpc", containerPort: port }] }],
      },
      status: { phase: "Running", podIP: address, podIPs: [{ ip: address }] },
    },
    endpointSlice({ namespace, name: pod }, { service: "cart", pod, address, port, portName: "grpc" }),
  ];
}
