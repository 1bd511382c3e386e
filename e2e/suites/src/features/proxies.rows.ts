import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:http2";
import { connect as connectTcp } from "node:net";
import { endpointSlice, type SampleAnswer } from "@lateen/e2e-harness";
import { issueClientCertificate, readCa } from "../certificates.ts";
import type { Feature, FeatureContext, FeatureMeshSpec } from "./feature.ts";
import { grpcServer } from "./grpc-server.ts";
import { ownProxy, sampleOf, sidecarOf, through } from "./own-proxy.ts";

/** A workload with an agent, for what mutual TLS asks. */
export const proxiesMesh: FeatureMeshSpec = {
  workloads: [
    { app: "frontend", mutualTls: false },
    { app: "secure" },
    ...["v1", "v2"].map((version) => ({ app: "reviews", version, bare: true })),
  ],
};

/** A second sidecar of the row's, with a program behind its ingress port. */
function behindSidecar(row: FeatureContext, portName: string): readonly object[] {
  const protocol = portName.toUpperCase();
  const at = row.named("behind");
  return [
    ...row.service({ suffix: "behind", portName, to: [] }),
    endpointSlice(at, { service: at.name, portName, address: row.address(1), port: row.ports(0) }),
    sidecarOf(row, {
      ingress: [{ port: { number: row.ports(0), protocol, name: "in" }, defaultEndpoint: `127.0.0.1:${row.ports(1)}` }],
    }),
  ];
}

const behindHost = (row: FeatureContext): string => row.mesh.host(row.named("behind").name);

/** Bytes to a proxy, and all that comes back until it closes. */
async function raw(address: string, port: number, text: string): Promise<string> {
  const socket = connectTcp({ host: address, port });
  let received = "";
  socket.on("data", (bytes) => {
    received += String(bytes);
  });
  socket.on("error", () => undefined);
  socket.write(text);
  await once(socket, "close", { signal: AbortSignal.timeout(60_000) });
  socket.destroy();
  return received;
}

/** One request over HTTP/2 without TLS, by prior knowledge. */
async function overHttp2(
  url: string,
  headers: Readonly<Record<string, string>>,
  body?: Buffer,
): Promise<{ headers: Record<string, unknown>; trailers: Record<string, unknown>; body: Buffer }> {
  const session = connect(url);
  try {
    const stream = session.request({ ":path": "/", ":method": body === undefined ? "GET" : "POST", ...headers });
    let trailers: Record<string, unknown> = {};
    stream.on("trailers", (got) => {
      trailers = got;
    });
    stream.end(body);
    const [answered] = (await once(stream, "response")) as [Record<string, unknown>];
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    return { headers: answered, trailers, body: Buffer.concat(chunks) };
  } finally {
    session.destroy();
  }
}

const http10 = (host: string): string => `GET / HTTP/1.0\r\nHost: ${host}\r\n\r\n`;

const metadataRows: readonly Feature[] = [
  {
    name: "HTTP_PROXY_PORT makes the proxy an HTTP proxy for its application",
    fields: ["MeshConfig.proxyHttpPort"],
    manifests: () => [],
    check: async (row) => {
      await using proxy = await ownProxy(row, { metadata: { HTTP_PROXY_PORT: String(row.ports(0)) } });
      const url = `http://${row.host}:${row.port}/x`;
      const asked = { address: "127.0.0.1", port: row.ports(0), host: `${row.host}:${row.port}`, path: url };
      assert.equal(sampleOf(await through(row, proxy, asked)).path, "/x");
      assert.equal((await through(row, proxy, { ...asked, path: "http://nobody.example/x" })).status, 502);
    },
  },
  {
    name: "proxyHttpPort makes every proxy an HTTP proxy",
    fields: ["MeshConfig.proxyHttpPort"],
    alone: true,
    meshConfig: (row) => ({ proxyHttpPort: row.ports(0) }),
    manifests: () => [],
    check: async (row) => {
      const asked = { address: "127.0.0.1", port: row.ports(0), host: `${row.host}:${row.port}`, path: "/x" };
      assert.equal(sampleOf(await through(row, row.proxy(), asked)).path, "/x");
    },
  },
  {
    name: "HTTP/1.0 is refused, and served where the proxy asks for it",
    fields: ["Sidecar.egress.hosts"],
    manifests: () => [],
    check: async (row) => {
      assert.match(await raw(row.proxy().address, row.port, http10(row.host)), /^HTTP\/1\.\d 426/);
      await using proxy = await ownProxy(row, { metadata: { HTTP10: "1" } });
      await through(row, proxy);
      assert.match(await raw(proxy.address, row.port, http10(row.host)), /^HTTP\/1\.\d 200/);
    },
  },
  {
    name: "IDLE_TIMEOUT ends connections on which nothing happens",
    fields: ["Sidecar.egress.hosts"],
    manifests: () => [],
    check: async (row) => {
      await using proxy = await ownProxy(row, { metadata: { IDLE_TIMEOUT: "200ms" } });
      await through(row, proxy);
      const socket = connectTcp({ host: proxy.address, port: row.port });
      await once(socket, "connect");
      await once(socket.resume(), "close", { signal: AbortSignal.timeout(60_000) }); // an hour by default
    },
  },
];

const protocolRows: readonly Feature[] = [
  {
    name: "a WebSocket goes through both sidecars",
    fields: ["Sidecar.ingress.port.protocol"],
    service: false,
    manifests: (row) => behindSidecar(row, "http"),
    check: async (row) => {
      const server = createServer();
      server.on("upgrade", (_request, socket) => {
        socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
        socket.on("data", (bytes: Buffer) => socket.write(`echo ${String(bytes)}`));
      });
      server.listen(row.ports(1), "127.0.0.1");
      await once(server, "listening");
      try {
        await using proxy = await ownProxy(row, { address: row.address(1) });
        const upgrade = `GET /ws HTTP/1.1\r\nHost: ${behindHost(row)}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`;
        await row.eventually(async () => {
          const socket = connectTcp({ host: row.proxy().address, port: row.port });
          socket.on("error", () => undefined);
          socket.write(upgrade);
          const [answer] = (await once(socket, "data", { signal: AbortSignal.timeout(10_000) })) as [Buffer];
          assert.match(String(answer), /^HTTP\/1\.1 101/);
          socket.write("hello");
          const [echo] = (await once(socket, "data", { signal: AbortSignal.timeout(10_000) })) as [Buffer];
          assert.equal(String(echo), "echo hello");
          socket.destroy();
        });
        assert.match(proxy.address, /^127\./);
      } finally {
        server.closeAllConnections();
        server.close();
      }
    },
  },
  {
    name: "a gRPC call goes through both sidecars with its trailers",
    fields: ["Sidecar.ingress.port.protocol"],
    service: false,
    manifests: (row) => behindSidecar(row, "grpc"),
    check: async (row) => {
      await using server = await grpcServer(row.ports(1));
      await using _proxy = await ownProxy(row, { address: row.address(1) });
      const message = Buffer.from([0, 0, 0, 0, 2, 8, 1]);
      await row.eventually(async () => {
        const answer = await overHttp2(
          `http://${row.proxy().address}:${row.port}`,
          {
            ":authority": behindHost(row),
            ":path": "/test.Echo/Say",
            "content-type": "application/grpc",
            te: "trailers",
          },
          message,
        );
        assert.deepEqual([answer.headers[":status"], answer.trailers["grpc-status"]], [200, "0"]);
        assert.deepEqual(answer.body, message);
      });
      assert.deepEqual([...new Set(server.contentTypes)], ["application/grpc"]);
    },
  },
  {
    name: "a port named grpc-web is called by browsers' gRPC",
    fields: ["Sidecar.ingress.port.protocol"],
    service: false,
    manifests: (row) => {
      const at = row.named("web");
      return [
        ...row.service({ suffix: "web", portName: "grpc-web", port: row.ports(2), to: [] }),
        endpointSlice(at, { service: at.name, portName: "grpc-web", address: "127.0.0.1", port: row.ports(1) }),
      ];
    },
    check: async (row) => {
      await using server = await grpcServer(row.ports(1));
      const answer = await row.ask({
        port: row.ports(2),
        host: row.mesh.host(row.named("web").name),
        path: "/test.Echo/Say",
        method: "POST",
        headers: { "content-type": "application/grpc-web", "x-grpc-web": "1" },
        body: Buffer.from([0, 0, 0, 0, 2, 8, 1]).toString("latin1"),
      });
      assert.match(answer.headers["content-type"] ?? "", /^application\/grpc-web/);
      assert.match(answer.body, /grpc-status:\s*0/, "trailers are in the body");
      assert.deepEqual(server.contentTypes, ["application/grpc"]);
    },
  },
  {
    name: "HTTP/2 by prior knowledge is taken, and passed on where the port says so",
    fields: ["Sidecar.egress.hosts"],
    manifests: (row) =>
      row.service({ suffix: "two", portName: "http2", port: row.ports(2), to: [], clusterIp: row.address(6) }).concat(
        endpointSlice(row.named("two"), {
          service: row.named("two").name,
          portName: "http2",
          address: row.workload("reviews").address,
          port: row.workload("reviews").port,
        }),
      ),
    check: async (row) => {
      const spoken = async (port: number, host: string): Promise<string> => {
        const { body } = await overHttp2(`http://${row.proxy().address}:${port}`, { ":authority": host });
        return (JSON.parse(String(body)) as SampleAnswer).protocol;
      };
      assert.equal(await spoken(row.port, row.host), "1.1");
      assert.equal(await spoken(row.ports(2), row.mesh.host(row.named("two").name)), "2.0");
    },
  },
];

/** The path that arrives for one that is sent. */
async function arrives(row: FeatureContext, path: string): Promise<string> {
  return (await row.answer({ path })).path;
}

const paths = "MeshConfig.pathNormalization.normalization";

const meshRows: readonly Feature[] = [
  {
    name: "paths lose their dot segments and keep the rest",
    fields: [paths],
    manifests: () => [],
    check: async (row) => {
      assert.equal(await arrives(row, "/a/../b"), "/b");
      assert.equal(await arrives(row, "//a%2Fb"), "//a%2Fb");
    },
  },
  ...(
    [
      ["NONE", "/a/../b", "/a/../b"],
      ["MERGE_SLASHES", "/a/..//b", "/b"],
      ["DECODE_AND_MERGE_SLASHES", "/a%2F%2Fb", "/a/b"],
    ] as const
  ).map(
    ([normalization, sent, expected]): Feature => ({
      name: `pathNormalization ${normalization} makes ${expected} of ${sent.replaceAll("%", "percent")}`,
      fields: [paths],
      alone: true,
      meshConfig: () => ({ pathNormalization: { normalization } }),
      manifests: () => [],
      check: async (row) => row.eventually(async () => assert.equal(await arrives(row, sent), expected)),
    }),
  ),
  {
    name: "meshMTLS.minProtocolVersion turns away callers with older TLS",
    fields: ["MeshConfig.meshMTLS.minProtocolVersion"],
    service: false,
    alone: true,
    meshConfig: () => ({ meshMTLS: { minProtocolVersion: "TLSV1_3" } }),
    manifests: () => [],
    check: async (row) => {
      await row.eventually(async () => {
        await assert.rejects(callSecure(row, "cluster.local", "TLSv1.2"));
        assert.equal(await callSecure(row, "cluster.local", "TLSv1.3"), "TLSv1.3");
      });
    },
  },
  {
    name: "meshMTLS.cipherSuites are those that callers must know",
    fields: ["MeshConfig.meshMTLS.cipherSuites"],
    service: false,
    alone: true,
    meshConfig: () => ({ meshMTLS: { cipherSuites: ["ECDHE-ECDSA-AES256-GCM-SHA384"] } }),
    manifests: () => [],
    check: async (row) => {
      const [listed, other] = ["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256"];
      await row.eventually(async () => {
        await assert.rejects(callSecure(row, "cluster.local", "TLSv1.2", other));
        assert.equal(await callSecure(row, "cluster.local", "TLSv1.2", listed), "TLSv1.2");
      });
    },
  },
  {
    name: "callers of other trust domains are turned away",
    fields: ["MeshConfig.trustDomain"],
    service: false,
    manifests: () => [],
    check: async (row) => {
      assert.equal(await callSecure(row, "cluster.local", "TLSv1.2"), "TLSv1.2");
      await assert.rejects(callSecure(row, "old.example", "TLSv1.2"));
    },
  },
  {
    name: "callers of a trust domain's alias are let in",
    fields: ["MeshConfig.trustDomainAliases"],
    service: false,
    alone: true,
    meshConfig: () => ({ trustDomainAliases: ["old.example"] }),
    manifests: () => [],
    check: async (row) => {
      await row.eventually(async () => assert.equal(await callSecure(row, "old.example", "TLSv1.3"), "TLSv1.3"));
    },
  },
];

/** Calls the workload with an agent as one with an identity of `trustDomain`; resolves with the TLS that was spoken. */
async function callSecure(
  row: FeatureContext,
  trustDomain: string,
  version: "TLSv1.2" | "TLSv1.3",
  ciphers?: string,
): Promise<string> {
  const { address, port } = row.workload("secure");
  const identity = { trustDomain, namespace: row.namespace, serviceAccount: "frontend" };
  const client = await issueClientCertificate(await readCa(row.state), identity);
  const result = await row.probeTls({
    ...{ address, port, ...client, alpn: ["istio", "istio-http/1.1"] },
    offers: { minVersion: version, maxVersion: version, ...(ciphers !== undefined && { ciphers }) },
  });
  assert.match(result.received, /^HTTP\/1\.1 200/);
  return result.protocol;
}

/** What proxies do for every call, and the mesh's settings for them. */
export const proxiesRows: readonly Feature[] = [...metadataRows, ...protocolRows, ...meshRows];
