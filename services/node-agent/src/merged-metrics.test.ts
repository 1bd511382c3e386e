import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import { applicationMetricsOf, mergedMetrics } from "./merged-metrics.ts";

const openMetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const asked: IncomingHttpHeaders[] = [];

/** An application that answers each path in its own way. */
const application = createServer(({ url = "", headers }, response) => {
  asked.push(headers);
  if (url === "/silent") return;
  if (url === "/ill") return void response.writeHead(500).end();
  if (url === "/open") return void response.writeHead(200, { "content-type": openMetrics }).end("app 1\n# EOF\n");
  response.writeHead(200, { "content-type": "text/plain" }).end("app 1");
});
application.listen(0);
await once(application, "listening");
after(() => application.closeAllConnections());
after(() => application.close());
const port = String((application.address() as AddressInfo).port);

async function page(path: string | undefined, headers: IncomingHttpHeaders = {}) {
  const failed: string[] = [];
  const merged = await mergedMetrics(
    {
      envoy: async (query) => `envoy${query} 1\n\n`,
      agent: async () => "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 1\n",
      application: path === undefined ? undefined : { port, path },
      failed: (source) => void failed.push(source),
    },
    { query: "", headers },
  );
  return { ...merged, failed };
}

const own = "# TYPE istio_agent_process_cpu_seconds_total counter\nistio_agent_process_cpu_seconds_total 1\n";

test("the application's metrics follow the agent's and Envoy's", async () => {
  const { body, type, failed } = await page("metrics");
  assert.equal(body, `${own}envoy 1\n\napp 1\n`);
  assert.match(type, /^text\/plain; version=0\.0\.4/);
  assert.deepEqual(failed, []);
});

test("OpenMetrics stay that, to their last line, without empty ones", async () => {
  const { body, type } = await page("/open");
  assert.equal(type, openMetrics);
  assert.equal(body, `${own}envoy 1\napp 1\n# EOF\n`);
});

test("an application that is ill, silent or not there takes nothing of the others away", async () => {
  for (const path of ["/ill", "/silent"]) {
    const { body, failed } = await page(path, { "x-prometheus-scrape-timeout-seconds": "0.2" });
    assert.deepEqual([body, failed], [`${own}envoy 1\n\n`, ["application"]]);
  }
  assert.deepEqual((await page(undefined)).failed, []);
});

test("the application is asked as Prometheus asks, but for what cannot be put together", async () => {
  const timeout = { "x-prometheus-scrape-timeout-seconds": "5", "user-agent": "Prometheus/3" };
  await page("/", { accept: "application/vnd.google.protobuf;q=0.9,text/plain;q=0.5", ...timeout });
  const { accept, ...headers } = asked.at(-1) ?? {};
  assert.equal(accept, "text/plain;q=0.5");
  assert.deepEqual({ ...headers, ...timeout }, headers);
});

test("what the pod said of its application", () => {
  assert.deepEqual(applicationMetricsOf('{"scrape":"true","path":"","port":""}', 15_020), {
    port: "80",
    path: "/metrics",
  });
  assert.deepEqual(applicationMetricsOf('{"path":"/a","port":"9"}', 15_020), { port: "9", path: "/a" });
  assert.equal(applicationMetricsOf('{"scrape":"false","port":"9"}', 15_020), undefined);
  assert.equal(applicationMetricsOf(undefined, 15_020), undefined);
  assert.throws(() => applicationMetricsOf('{"port":"15020"}', 15_020), /ISTIO_PROMETHEUS_ANNOTATIONS/);
});
