import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { mainOf, repository, RunningProcess } from "@lateen/e2e-harness";
import type { Feature } from "./feature.ts";
import { forwarder, meshOf, proxyField as field, raw, row, serverInfo, textServer } from "./injected-parts.ts";
import { proxyContainer } from "./injected-proxy.ts";
import { through } from "./own-proxy.ts";

const proxyConfig = (namespace: string, name: string, spec: object): object => ({
  ...{ apiVersion: "networking.istio.io/v1beta1", kind: "ProxyConfig" },
  ...{ metadata: { namespace, name }, spec },
});

const threads = async (proxy: Parameters<typeof serverInfo>[0]): Promise<unknown> =>
  (await serverInfo(proxy)).command_line_options["concurrency"];

/** What the injector, the agent and Envoy make of who asks for what. */
export const injectedPodRows: readonly Feature[] = [
  row({
    name: "the ProxyConfig that selects a pod counts before the mesh's settings",
    fields: ["selector", "concurrency", "environmentVariables"]
      .map((name) => `ProxyConfig.${name}`)
      .concat(field("proxyMetadata")),
    check: async (row) => {
      const proxyConfigs = [
        proxyConfig(row.namespace, "chosen", {
          selector: { matchLabels: { app: "chosen" } },
          ...{ concurrency: 3, environmentVariables: { ISTIO_META_B: "own" } },
        }),
        proxyConfig(row.namespace, "other", { selector: { matchLabels: { app: "other" } }, concurrency: 2 }),
      ];
      const mesh = meshOf({ proxyMetadata: { ISTIO_META_A: "mesh", ISTIO_META_B: "mesh" } });
      await using proxy = await row.startInjected({ pod: "chosen-1", labels: { app: "chosen" }, mesh, proxyConfigs });
      await through(row, proxy);
      const { metadata } = (await serverInfo(proxy)).node;
      assert.deepEqual([metadata["A"], metadata["B"], await threads(proxy)], ["mesh", "own", 3]);
    },
  }),
  row({
    name: "an Envoy has as many threads as the mesh says, or as its container has processors",
    fields: [field("concurrency")],
    check: async (row) => {
      await using told = await row.startInjected({ pod: "told-1", mesh: meshOf({ concurrency: 3 }) });
      const annotations = { "sidecar.istio.io/proxyCPULimit": "3500m" };
      const { concurrency: _none, ...defaultConfig } = meshOf().defaultConfig;
      await using untold = await row.startInjected({ pod: "untold-1", annotations, mesh: { defaultConfig } });
      assert.deepEqual([await threads(told), await threads(untold)], [3, 4]);
    },
  }),
  row({
    name: "the kind of a proxy's image is the mesh's, or what a ProxyConfig says",
    fields: ["ProxyConfig.image.imageType", field("image")],
    service: false,
    check: async (row) => {
      const mesh = meshOf({ image: { imageType: "debug" } });
      const proxyConfigs = [
        proxyConfig(row.namespace, "plain", {
          selector: { matchLabels: { a: "b" } },
          image: { imageType: "distroless" },
        }),
      ];
      const imageOf = async (labels: Record<string, string>): Promise<string> =>
        proxyContainer(await row.injectPod({ pod: "imaged-1", labels, mesh, proxyConfigs })).image;
      assert.equal(await imageOf({}), "localhost/lateen/proxy:dev-debug");
      assert.equal(await imageOf({ a: "b" }), "localhost/lateen/proxy:dev-distroless");
    },
  }),
  row({
    name: "without capture a proxy is asked at its own address, and nothing is set up before it",
    fields: [field("interceptionMode")],
    check: async (row) => {
      await using proxy = await row.startInjected({ pod: "uncaptured-1", mesh: meshOf() });
      assert.equal(proxy.injected.spec.initContainers, undefined);
      assert.equal((await serverInfo(proxy)).node.metadata["INTERCEPTION_MODE"], "NONE");
      assert.equal((await through(row, proxy)).status, 200);
      const { spec } = await row.injectPod({ pod: "captured-1", mesh: meshOf({ interceptionMode: "TPROXY" }) });
      const { args = [] } = spec.initContainers?.find(({ name }) => name === "istio-init") ?? {};
      assert.equal(args[args.indexOf("-m") + 1], "TPROXY");
    },
  }),
  row({
    name: "an application waits for its proxy, where the mesh holds it",
    fields: [field("holdApplicationUntilProxyStarts")],
    check: async (row) => {
      await using proxy = await row.startInjected({
        pod: "held-1",
        mesh: meshOf({ holdApplicationUntilProxyStarts: true }),
      });
      const [first] = proxy.injected.spec.containers;
      assert.equal(first?.name, "istio-proxy");
      assert.deepEqual(first?.lifecycle, { postStart: { exec: { command: ["pilot-agent", "wait"] } } });
      // What the hook runs. In the pod the proxy is at localhost; here it gets there when the row lets it.
      await using hook = await RunningProcess.start({
        ...{ name: "hook", command: process.execPath, args: [mainOf("node-agent"), "wait"], cwd: repository },
        env: { ENVOY_STATUS_PORT: String(row.ports(1)) },
      });
      const early = await Promise.race([hook.exited, sleep(1_500, "waiting")]);
      assert.equal(early, "waiting");
      await using _here = await forwarder(row.ports(1), `${proxy.address}:${proxy.readinessPort}`);
      assert.equal((await hook.exited).code, 0);
    },
  }),
  row({
    name: "Prometheus gets the application's metrics with its proxy's",
    fields: ["MeshConfig.enablePrometheusMerge"],
    check: async (row) => {
      await using _application = await textServer(row.ports(1), "orders_total 5\n", "/own");
      const annotations = {
        ...{ "prometheus.io/scrape": "true", "prometheus.io/path": "/own", "prometheus.io/port": String(row.ports(1)) },
      };
      await using merged = await row.startInjected({ pod: "merged-1", annotations, mesh: meshOf() });
      const { metadata } = merged.injected;
      assert.equal(metadata.annotations["prometheus.io/path"], "/stats/prometheus");
      assert.equal(metadata.annotations["prometheus.io/port"], "15020");
      const page = async (proxy: { address: string; statusPort: number }): Promise<string> =>
        String((await raw(`http://${proxy.address}:${proxy.statusPort}/stats/prometheus`)).body);
      const text = await page(merged);
      for (const line of [/^orders_total 5$/m, /^envoy_server_live/m, /^istio_agent_cert_expiry/m])
        assert.match(text, line);
      const apart = meshOf({}, { enablePrometheusMerge: false });
      await using alone = await row.startInjected({ pod: "alone-1", annotations, mesh: apart });
      assert.equal(alone.injected.metadata.annotations["prometheus.io/path"], "/own");
      assert.doesNotMatch(await page(alone), /orders_total/);
    },
  }),
  row({
    name: "statistics go out compressed to whoever takes them so, unless the mesh will not",
    fields: [field("statsCompression")],
    service: false,
    check: async (row) => {
      const env = { ENVOY_PROMETHEUS_PORT: String(row.ports(1)) };
      const encodings = async ({ address, statusPort }: { address: string; statusPort: number }) => {
        const asked = [
          [row.ports(1), "br"],
          [row.ports(1), "zstd"],
          [statusPort, "gzip"],
        ] as const;
        const answers = asked.map(([port, encoding]) =>
          raw(`http://${address}:${port}/stats/prometheus`, { "accept-encoding": encoding }),
        );
        return await Promise.all(answers);
      };
      {
        await using proxy = await row.startInjected({ pod: "small-1", env, mesh: meshOf() });
        const answers = await encodings(proxy);
        assert.deepEqual(
          answers.map(({ headers }) => headers["content-encoding"]),
          ["br", "zstd", "gzip"],
        );
        assert.match(String(gunzipSync(answers[2]?.body ?? "")), /envoy_server_live/);
      }
      await using plain = await row.startInjected({ pod: "plain-1", env, mesh: meshOf({ statsCompression: false }) });
      assert.deepEqual(
        (await encodings(plain)).map(({ headers }) => headers["content-encoding"]),
        [undefined, undefined, undefined],
      );
    },
  }),
];
