import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { startTracing, traceHeaders, withRemoteTrace, withSpan } from "./index.ts";

test("without an endpoint spans cost nothing and errors pass", async () => {
  const tracing = await startTracing("quiet");
  assert.equal(await withSpan("stage", { revision: 1n }, () => 42), 42);
  await assert.rejects(
    withSpan("stage", {}, () => {
      throw new Error("no");
    }),
    /no/,
  );
  assert.deepEqual(traceHeaders(), {});
  await tracing.shutdown();
});

test("with an endpoint exports over OTLP and continues a W3C trace", async () => {
  const requests: { path: string; body: Buffer }[] = [];
  const collector = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      requests.push({ path: request.url ?? "", body: Buffer.concat(chunks) });
      response.end();
    });
  }).listen(0, "127.0.0.1");
  await once(collector, "listening");
  process.env["OTEL_EXPORTER_OTLP_ENDPOINT"] = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
  try {
    const tracing = await startTracing("traced");
    const traceId = "0af7651916cd43dd8448eb211c80319c";
    const sent = await withRemoteTrace({ traceparent: `00-${traceId}-b7ad6b7169203331-01` }, () =>
      withSpan("compile", { revision: 7n }, () => traceHeaders()),
    );
    assert.match(sent["traceparent"] ?? "", new RegExp(`^00-${traceId}-`));
    await tracing.shutdown();
    assert.deepEqual(
      requests.map((request) => request.path),
      ["/v1/traces"],
    );
    assert.ok(requests[0]?.body.includes("compile") && requests[0].body.includes("traced"));
  } finally {
    delete process.env["OTEL_EXPORTER_OTLP_ENDPOINT"];
    collector.close();
  }
});
