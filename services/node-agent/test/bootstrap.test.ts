import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { type BootstrapOptions, bootstrapOf } from "../src/envoy/bootstrap.ts";
import { envoyBinary } from "./agent-process.ts";

const plain = {
  address: "10.0.0.7",
  name: "reviews-1",
  namespace: "shop",
  dnsDomain: "shop.svc.cluster.local",
  serviceCluster: "reviews.shop",
  metadata: { LABELS: { app: "reviews" }, PROXY_CONFIG: { concurrency: 2 } },
};
const folder = await mkdtemp(join(tmpdir(), "na-bootstrap-"));
after(() => rm(folder, { recursive: true, force: true }));

const options: BootstrapOptions = {
  node: { type: "sidecar", ...plain },
  xdsSocket: join(folder, "XDS"),
  sdsSocket: join(folder, "SDS"),
  stats: { prefixes: [], suffixes: [], regexps: [], extraTags: [], compressed: true },
  runtimeValues: { "re2.max_program_size.error_level": "32768" },
  admin: { host: "127.0.0.1", port: 15_000 },
  statusHost: "0.0.0.0",
  readinessPort: 15_021,
  prometheusPort: 15_090,
  agent: { host: "127.0.0.1", port: 15_020 },
};

/** What Envoy writes on judging it. */
async function judge(bootstrap: object): Promise<string> {
  const file = join(folder, "bootstrap.json");
  await writeFile(file, JSON.stringify(bootstrap));
  const args = ["--mode", "validate", "-l", "warning", "-c", file];
  const { stdout, stderr } = await promisify(execFile)(envoyBinary(), args);
  return `${stdout}${stderr}`;
}

for (const type of ["sidecar", "router"] as const) {
  test(`Envoy accepts the bootstrap of a ${type}`, async () => {
    const said = await judge(bootstrapOf({ ...options, node: { type, ...plain } }));
    assert.match(said, /configuration .* OK/);
    assert.doesNotMatch(said, /deprecated/i);
  });
}

test("Envoy accepts a bootstrap with statistics that go to two places", async () => {
  const stats = {
    ...{
      prefixes: ["http.{pod_ip}_"],
      suffixes: ["upstream_rq_timeout"],
      regexps: [".*retry.*"],
      extraTags: ["tier"],
      compressed: true,
    },
    ...{ statsdAddress: "10.0.0.1:9125", metricsService: { address: "metrics:15000", keepalive: { time: "10s" } } },
  };
  assert.match(await judge(bootstrapOf({ ...options, stats })), /configuration .* OK/);
});

test("Envoy accepts a bootstrap with a service of access logs, under mutual TLS of the mesh", async () => {
  const accessLogService = { address: "logs.infra:15000", tls: { mode: "ISTIO_MUTUAL" }, keepalive: { probes: 3 } };
  assert.match(await judge(bootstrapOf({ ...options, accessLogService })), /configuration .* OK/);
});

const tracers = [
  { kind: "zipkin", service: { address: "zipkin.istio-system:9411" } },
  { kind: "datadog", service: { address: "10.0.0.1:8126", tls: { mode: "SIMPLE", sni: "agent" } } },
  {
    kind: "zipkin",
    service: { address: "[::1]:9411", tls: { mode: "ISTIO_MUTUAL", subjectAltNames: ["spiffe://a/b"] } },
  },
] as const;

for (const tracer of tracers) {
  test(`Envoy accepts a bootstrap with the tracer ${tracer.service.address}`, async () => {
    assert.match(await judge(bootstrapOf({ ...options, tracer })), /configuration .* OK/);
  });
}
