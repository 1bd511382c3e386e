import assert from "node:assert/strict";
import { test } from "node:test";
import { injectPod } from "../src/inject.ts";
import type { InjectionContext } from "../src/inject.ts";
import type { Container } from "../src/pod.ts";
import { defaultResources } from "../src/proxy-container.ts";

const settings = {
  proxyImage: "registry.example:5000/lateen/proxy:1.0",
  imagePullPolicy: "IfNotPresent" as const,
  caAddress: "ca:15012",
  discoveryAddress: "pilot:15012",
  tokenAudience: "istio-ca",
  trustDomain: "cluster.local",
  clusterId: "Kubernetes",
  meshId: "cluster.local",
  network: "",
  revision: "default",
  resources: defaultResources,
  nativeSidecars: false,
  imagePullSecrets: [],
  imageTypes: ["debug"],
};

interface Asked {
  readonly config?: Readonly<Record<string, unknown>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly more?: Partial<InjectionContext>;
  readonly with?: Partial<typeof settings>;
}

function inject({ config = {}, annotations = {}, more, with: own }: Asked) {
  const pod = { metadata: { annotations }, spec: { containers: [{ name: "app", image: "example/app:1" }] } };
  const context = { namespace: "demo", settings: { ...settings, ...own }, defaultProxyConfig: config, ...more };
  const result = injectPod(pod, context);
  assert.equal(result.kind, "injected");
  const { containers, initContainers = [] } = result.pod.spec;
  const proxy: Container = [...containers, ...initContainers].find(({ name }) => name === "istio-proxy") ?? {
    name: "none",
  };
  const env = Object.fromEntries((proxy.env ?? []).map(({ name, value }) => [name, value]));
  return { result, proxy, env, containers, initContainers, annotations: result.pod.metadata.annotations ?? {} };
}

test("an application is held until its proxy is ready, where it is asked for", () => {
  const hold = { holdApplicationUntilProxyStarts: true };
  const { proxy, containers } = inject({ config: hold });
  assert.deepEqual(
    containers.map(({ name }) => name),
    ["istio-proxy", "app"],
  );
  assert.deepEqual(proxy.lifecycle, { postStart: { exec: { command: ["pilot-agent", "wait"] } } });
  assert.equal(inject({}).proxy.lifecycle, undefined);
  assert.equal(inject({ config: hold, with: { nativeSidecars: true } }).proxy.lifecycle, undefined);
});

test("the kind of image is chosen by the mesh, a ProxyConfig or the pod", () => {
  const image = (asked: Asked) => inject(asked).proxy.image;
  const debug = { image: { imageType: "debug" } };
  assert.equal(image({}), "registry.example:5000/lateen/proxy:1.0");
  assert.equal(image({ config: debug }), "registry.example:5000/lateen/proxy:1.0-debug");
  assert.equal(inject({ config: debug }).initContainers[0]?.image, "registry.example:5000/lateen/proxy:1.0-debug");
  assert.deepEqual(inject({ config: debug }).result.warnings, []);
  const distroless = { config: { image: { imageType: "distroless" } } };
  assert.equal(image(distroless), "registry.example:5000/lateen/proxy:1.0");
  assert.match(
    inject(distroless).result.warnings.join(),
    /distroless: the pod gets registry.*name the kind in the chart/,
  );
  const annotations = { "sidecar.istio.io/proxyImageType": "default" };
  assert.equal(image({ config: debug, annotations }), "registry.example:5000/lateen/proxy:1.0");
  assert.deepEqual(inject({ config: debug, annotations }).result.warnings, []);
  assert.equal(image({ config: debug, with: { proxyImage: "proxy:1.0-distroless" } }), "proxy:1.0-debug");
  assert.equal(image({ config: debug, with: { proxyImage: "reg:5000/proxy" } }), "reg:5000/proxy:latest-debug");
  const digest = `proxy@sha256:${"a".repeat(64)}`;
  assert.equal(image({ config: debug, with: { proxyImage: digest } }), digest);
  assert.equal(image({ config: debug, annotations: { "sidecar.istio.io/proxyImage": "mine:1" } }), "mine:1");
});

test("a proxy knows OpenTelemetry's attributes of its service, where the mesh has a tracer that wants them", () => {
  const more = { conventionalServices: true };
  const named = (name: string): string => `resource.opentelemetry.io/service.${name}`;
  const attributes = (asked: Asked): unknown => inject(asked).env["OTEL_RESOURCE_ATTRIBUTES"];
  assert.equal(attributes({}), undefined);
  assert.equal(attributes({ more }), "service.namespace=demo,service.instance.id=$(POD_UID)");
  assert.ok("POD_UID" in inject({ more }).env);
  const annotations = {
    ...{ [named("name")]: "cart", [named("namespace")]: "shop", [named("version")]: "2" },
    [named("instance.id")]: "a=b",
  };
  assert.equal(
    attributes({ more, annotations }),
    "service.name=cart,service.namespace=shop,service.version=2,service.instance.id=$(POD_UID)",
  );
  const own = { proxyMetadata: { OTEL_RESOURCE_ATTRIBUTES: "a=1" } };
  assert.equal(attributes({ more, config: own }), "a=1");
});

const agents = {
  "prometheus.io/scrape": "true",
  "prometheus.io/port": "15020",
  "prometheus.io/path": "/stats/prometheus",
};

test("Prometheus asks the agent, which knows what the pod said of its application", () => {
  const own = { "prometheus.io/port": "9100", prometheus_io_path: "/m" };
  const { annotations, env } = inject({ annotations: own });
  assert.deepEqual({ ...annotations, ...agents }, annotations);
  assert.equal(annotations["prometheus_io_path"], undefined);
  assert.equal(env["ISTIO_PROMETHEUS_ANNOTATIONS"], '{"scrape":"","path":"/m","port":"9100"}');
  assert.equal(inject({}).env["ISTIO_PROMETHEUS_ANNOTATIONS"], undefined);
  assert.deepEqual({ ...inject({}).annotations, ...agents }, inject({}).annotations);
});

test("annotations for Prometheus stay where the mesh, the pod or nobody wants them changed", () => {
  const kept = (asked: Asked) => {
    const { annotations, env } = inject(asked);
    assert.equal(env["ISTIO_PROMETHEUS_ANNOTATIONS"], undefined);
    return Object.fromEntries(Object.entries(annotations).filter(([name]) => name.startsWith("prometheus.io/")));
  };
  const own = { "prometheus.io/scrape": "true", "prometheus.io/port": "9100" };
  const never = { "prometheus.io/scrape": "false", "prometheus.io/port": "9100" };
  const already = { "prometheus.io/port": "15020", "prometheus.io/path": "/mine" };
  assert.deepEqual(kept({ annotations: own, more: { prometheusMerge: false } }), own);
  assert.deepEqual(kept({ annotations: { ...own, "prometheus.istio.io/merge-metrics": "false" } }), own);
  assert.deepEqual(kept({ annotations: never }), never);
  assert.deepEqual(kept({ annotations: already }), already);
  const wanted = inject({
    annotations: { ...own, "prometheus.istio.io/merge-metrics": "true" },
    more: { prometheusMerge: false },
  });
  assert.equal(wanted.annotations["prometheus.io/port"], "15020");
});

test("a mesh's id is the ProxyConfig's, or the installation's", () => {
  assert.equal(inject({}).env["ISTIO_META_MESH_ID"], "cluster.local");
  assert.equal(inject({ config: { meshId: "blue" } }).env["ISTIO_META_MESH_ID"], "blue");
});
