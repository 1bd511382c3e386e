import assert from "node:assert/strict";
import { once } from "node:events";
import { rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { send } from "@lateen/e2e-harness";
import { issueServerCertificate } from "../certificates.ts";
import type { Feature, FeatureContext } from "./feature.ts";
import { ownProxy, sampleOf, sidecarOf, through } from "./own-proxy.ts";

const ingress = "Sidecar.ingress";

/** A port of the row's that leads to the program beside the frontend's proxy. */
function toFrontend(row: FeatureContext, more: object = {}, protocol = "HTTP"): object {
  const defaultEndpoint = `127.0.0.1:${row.workload("frontend").port}`;
  return { port: { number: row.ports(0), protocol, name: "in" }, defaultEndpoint, ...more };
}

/** How many of ten requests at once are turned away, of which the others wait in the program until that many are. */
async function turnedAway(row: FeatureContext, at: { address: string; port: number }, wanted: number): Promise<number> {
  const held = row.workload("frontend").sample.hold();
  const headers = { "x-sample-hold": "yes" };
  let refused = 0;
  const one = async (): Promise<void> => {
    if ((await send({ ...at, host: "own", headers })).status === 503) refused += 1;
  };
  const all = Promise.all(Array.from({ length: 10 }, one));
  try {
    const settled = async (): Promise<boolean> => refused >= wanted && (wanted > 0 || held.count === 10);
    await Promise.race([all, row.eventually(settled)]);
  } finally {
    held.release();
  }
  await all;
  return refused;
}

export const sidecarIngressRows: readonly Feature[] = [
  {
    name: "an ingress port leads to another port of the machine",
    fields: [`${ingress}.port.number`, `${ingress}.port.protocol`, `${ingress}.defaultEndpoint`],
    service: false,
    manifests: (row) => [sidecarOf(row, { ingress: [toFrontend(row)] })],
    check: async (row) => {
      await using proxy = await ownProxy(row);
      const answer = await through(row, proxy, { port: row.ports(0), host: "own" });
      assert.deepEqual([sampleOf(answer).app, answer.headers["server"]], ["frontend", "istio-envoy"]);
    },
  },
  {
    name: "an ingress port leads to a Unix socket",
    fields: [`${ingress}.defaultEndpoint`],
    service: false,
    manifests: (row) => [
      sidecarOf(row, { ingress: [toFrontend(row, { defaultEndpoint: `unix://${file(row, "sock")}` })] }),
    ],
    check: async (row) => {
      const server = createServer((_request, response) => response.end("from the socket"));
      server.listen(file(row, "sock"));
      await once(server, "listening");
      try {
        await using proxy = await ownProxy(row);
        assert.equal((await through(row, proxy, { port: row.ports(0), host: "own" })).body, "from the socket");
      } finally {
        server.closeAllConnections();
        server.close();
      }
    },
  },
  {
    name: "an ingress port with a bind of its own listens there",
    fields: [`${ingress}.bind`, `${ingress}.captureMode`],
    service: false,
    manifests: (row) => [sidecarOf(row, { ingress: [toFrontend(row, { bind: row.address(1), captureMode: "NONE" })] })],
    check: async (row) => {
      await using proxy = await ownProxy(row);
      const there = { address: row.address(1), port: row.ports(0), host: "own" };
      assert.equal(sampleOf(await through(row, proxy, there)).app, "frontend");
      await assert.rejects(row.talk({ address: proxy.address, port: row.ports(0) }), /ECONNREFUSED/);
    },
  },
  {
    name: "an ingress TCP port takes bytes",
    fields: [`${ingress}.port.protocol`],
    service: false,
    manifests: (row) => [sidecarOf(row, { ingress: [toFrontend(row, {}, "TCP")] })],
    check: async (row) => {
      await using proxy = await ownProxy(row);
      const talk = { address: proxy.address, port: row.ports(0), payload: "~hi" };
      await row.eventually(async () => assert.equal(await row.talk(talk), "frontend-v1:~hi"));
    },
  },
  {
    name: "an ingress port ends TLS with files of the machine",
    fields: [`${ingress}.tls`],
    service: false,
    manifests: (row) => [
      sidecarOf(row, {
        ingress: [
          toFrontend(
            row,
            { tls: { mode: "SIMPLE", serverCertificate: file(row, "crt"), privateKey: file(row, "key") } },
            "HTTPS",
          ),
        ],
      }),
    ],
    check: async (row) => {
      const { certificate, privateKey, rootPem } = await issueServerCertificate(["own.example.com"]);
      await writeFile(file(row, "crt"), certificate);
      await writeFile(file(row, "key"), privateKey);
      try {
        await using proxy = await ownProxy(row);
        const tls = { serverName: "own.example.com", root: rootPem };
        const answer = await through(row, proxy, { port: row.ports(0), host: "own.example.com", tls });
        assert.equal(sampleOf(answer).app, "frontend");
        await assert.rejects(
          row.talk({ address: proxy.address, port: row.ports(0), payload: "GET / HTTP/1.1\r\nhost: a\r\n\r\n" }),
        );
      } finally {
        await Promise.all(["crt", "key"].map((ending) => rm(file(row, ending), { force: true })));
      }
    },
  },
  {
    name: "an ingress port's connectionPool turns away what is too much",
    fields: [`${ingress}.connectionPool`],
    service: false,
    manifests: (row) => [
      sidecarOf(row, {
        inboundConnectionPool: { tcp: { maxConnections: 100 } },
        ingress: [
          toFrontend(row, { connectionPool: { tcp: { maxConnections: 1 }, http: { http1MaxPendingRequests: 1 } } }),
          toFrontend(row, { port: { number: row.ports(1), protocol: "HTTP", name: "free" } }),
        ],
      }),
    ],
    check: async (row) => {
      await using proxy = await ownProxy(row);
      await through(row, proxy, { port: row.ports(0), host: "own" });
      assert.ok((await turnedAway(row, { address: proxy.address, port: row.ports(0) }, 8)) >= 8);
      const free = { address: proxy.address, port: row.ports(1) };
      assert.equal(await turnedAway(row, free, 0), 0, "the port without limits of its own");
    },
  },
  {
    name: "inboundConnectionPool is for every port that comes in",
    fields: [
      "Sidecar.inboundConnectionPool.tcp.maxConnections",
      "Sidecar.inboundConnectionPool.http.http1MaxPendingRequests",
    ],
    service: false,
    manifests: (row) => [
      sidecarOf(row, {
        inboundConnectionPool: { tcp: { maxConnections: 1 }, http: { http1MaxPendingRequests: 1 } },
        ingress: [toFrontend(row)],
      }),
    ],
    check: async (row) => {
      await using proxy = await ownProxy(row);
      await through(row, proxy, { port: row.ports(0), host: "own" });
      assert.ok((await turnedAway(row, { address: proxy.address, port: row.ports(0) }, 8)) >= 8);
    },
  },
];

function file(row: FeatureContext, ending: string): string {
  return `${tmpdir()}/lateen-${process.pid}-${row.ports(0)}.${ending}`;
}
