import assert from "node:assert/strict";
import { assertShare } from "@lateen/e2e-harness";
import type { Feature } from "./feature.ts";

const match = "VirtualService.http.match";

/** What a VirtualService does with HTTP requests of a sidecar and of a gateway. */
export const virtualServiceHttpRows: readonly Feature[] = [
  {
    name: "an exact path match takes that path only",
    fields: [`${match}.uri.exact`, "VirtualService.hosts", "VirtualService.http.route.destination.subset"],
    manifests: (row) => [
      row.subsets(),
      row.http({ match: [{ uri: { exact: "/one" } }], route: [row.to("v2")] }, { route: [row.to("v1")] }),
    ],
    check: async (row) => {
      assert.equal((await row.answer("/one")).version, "v2");
      assert.equal((await row.answer("/one?query=does-not-count")).version, "v2");
      assert.equal((await row.answer("/one/more")).version, "v1");
    },
  },
  {
    name: "a path prefix takes everything below it",
    fields: [`${match}.uri.prefix`],
    manifests: (row) => [
      row.subsets(),
      row.http({ match: [{ uri: { prefix: "/api/" } }], route: [row.to("v3")] }, { route: [row.to("v1")] }),
    ],
    check: async (row) => {
      assert.equal((await row.answer("/api/")).version, "v3");
      assert.equal((await row.answer("/api/deep/er")).version, "v3");
      assert.equal((await row.answer("/apis")).version, "v1");
    },
  },
  {
    name: "a regular expression has to match the whole path",
    fields: [`${match}.uri.regex`],
    manifests: (row) => [
      row.subsets(),
      row.http({ match: [{ uri: { regex: "/v[2-9]/[a-z]+" } }], route: [row.to("v2")] }, { route: [row.to("v1")] }),
    ],
    check: async (row) => {
      assert.equal((await row.answer("/v7/abc")).version, "v2");
      assert.equal((await row.answer("/v1/abc")).version, "v1");
      assert.equal((await row.answer("/v7/abc/9")).version, "v1");
    },
  },
  {
    name: "a header match is exact and its value's case counts",
    fields: [`${match}.headers.exact`],
    manifests: (row) => [
      row.subsets(),
      row.http(
        { match: [{ headers: { "x-user": { exact: "jason" } } }], route: [row.to("v2")] },
        { route: [row.to("v1")] },
      ),
    ],
    check: async (row) => {
      const versionFor = async (user: string): Promise<string> =>
        (await row.answer({ headers: { "x-user": user } })).version;
      assert.equal(await versionFor("jason"), "v2");
      assert.equal(await versionFor("Jason"), "v1");
      assert.equal(await versionFor("jasonette"), "v1");
    },
  },
  {
    name: "a method match",
    fields: [`${match}.method`],
    manifests: (row) => [
      row.subsets(),
      row.http({ match: [{ method: { exact: "POST" } }], route: [row.to("v2")] }, { route: [row.to("v1")] }),
    ],
    check: async (row) => {
      assert.equal((await row.answer({ method: "POST" })).version, "v2");
      assert.equal((await row.answer({ method: "PUT" })).version, "v1");
    },
  },
  {
    name: "weights split requests as asked",
    fields: ["VirtualService.http.route.weight", "VirtualService.http.route.destination.host"],
    manifests: (row) => [
      row.subsets(),
      row.http({ route: [row.to("v1", { weight: 70 }), row.to("v2", { weight: 30 }), row.to("v3", { weight: 0 })] }),
    ],
    check: async (row) => {
      const { v2 = 0, v3 = 0 } = await row.split(600);
      assertShare(v2, 600, 0.3);
      assert.equal(v3, 0);
    },
  },
  {
    name: "a redirect names the new place and keeps the query",
    fields: [
      "VirtualService.http.redirect.uri",
      "VirtualService.http.redirect.authority",
      "VirtualService.http.redirect.redirectCode",
    ],
    manifests: (row) => [row.http({ redirect: { uri: "/here", authority: "new.example.com", redirectCode: 302 } })],
    check: async (row) => {
      const { status, headers } = await row.ask("/gone?x=1");
      assert.equal(status, 302);
      assert.match(String(headers.location), /^http:\/\/new\.example\.com(:\d+)?\/here\?x=1$/);
    },
  },
  {
    name: "a timeout ends a slow answer with 504",
    fields: ["VirtualService.http.timeout"],
    manifests: (row) => [row.http({ timeout: "0.2s", route: [row.to()] })],
    check: async (row) => {
      assert.equal((await row.ask("/")).status, 200);
      const { status, tookMs } = await row.ask({ headers: { "x-sample-delay": "2000" } });
      assert.equal(status, 504);
      assert.ok(tookMs < 1_500, `${tookMs} ms`);
    },
  },
  {
    name: "a VirtualService bound to a gateway routes its requests",
    fields: ["VirtualService.gateways", "VirtualService.http.route.destination.port.number"],
    manifests: (row) => [
      row.subsets(),
      row.virtualService({
        hosts: [row.publicHost],
        gateways: ["edge"],
        http: [{ route: [{ destination: { host: row.host, subset: "v3", port: { number: row.port } } }] }],
      }),
    ],
    check: async (row) => {
      assert.equal((await row.answerOfGateway("/")).version, "v3");
      assert.equal((await row.askGateway({ host: "nobody.example.com" })).status, 404);
    },
  },
  {
    name: "the mesh's outbound policy REGISTRY_ONLY refuses unknown hosts",
    fields: ["VirtualService.http"],
    alone: true,
    meshConfig: () => ({ outboundTrafficPolicy: { mode: "REGISTRY_ONLY" } }),
    manifests: (row) => [row.http({ route: [row.to()] })],
    check: async (row) => {
      assert.equal((await row.ask("/")).status, 200);
      assert.equal((await row.ask({ host: "unknown.example.org" })).status, 502);
    },
  },
];
