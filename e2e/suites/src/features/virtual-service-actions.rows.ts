import assert from "node:assert/strict";
import { assertShare, type SampleAnswer } from "@lateen/e2e-harness";
import type { Feature, FeatureContext } from "./feature.ts";

const http = "VirtualService.http";

/** What a version received of the row's requests that are marked with its name. */
function copies(row: FeatureContext, version: string): readonly SampleAnswer[] {
  const { received } = row.workload("reviews", version).sample;
  return received.filter(({ headers }) => headers["x-mirrored"] === row.slug);
}

/** What happens to a request that a rule takes. */
export const virtualServiceActionRows: readonly Feature[] = [
  {
    name: "weights split requests as asked, and weight 0 gets none",
    fields: [`${http}.route.weight`, `${http}.route.destination.host`],
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
    name: "a destination's port is another port of the service",
    fields: [`${http}.route.destination.port.number`],
    manifests: (row) => [
      ...row.service({ suffix: "other", port: row.ports(0), to: [row.workload("reviews", "v3")] }),
      row.http({
        route: [{ destination: { host: row.mesh.host(row.named("other").name), port: { number: row.ports(0) } } }],
      }),
    ],
    check: async (row) => assert.deepEqual(Object.keys(await row.split(12)), ["v3"]),
  },
  {
    name: "request and response headers are set, added and removed by a rule",
    fields: [
      `${http}.headers.request.set`,
      `${http}.headers.request.add`,
      `${http}.headers.request.remove`,
      `${http}.headers.response.set`,
      `${http}.headers.response.add`,
      `${http}.headers.response.remove`,
    ],
    manifests: (row) => [
      row.http({
        headers: {
          request: { set: { "x-set": "by rule" }, add: { "x-add": "two" }, remove: ["x-secret"] },
          response: { set: { "content-type": "text/plain" }, add: { "x-served": "here" }, remove: ["x-sample"] },
        },
        route: [row.to()],
      }),
    ],
    check: async (row) => {
      const sent = { "x-set": "by client", "x-add": "one", "x-secret": "s" };
      const { headers, body } = await row.ask({ headers: sent });
      const received = (JSON.parse(body) as { headers: Record<string, string> }).headers;
      assert.deepEqual([received["x-set"], received["x-secret"]], ["by rule", undefined]);
      assert.match(String(received["x-add"]), /^one, ?two$/);
      assert.deepEqual(
        [headers["content-type"], headers["x-served"], headers["x-sample"]],
        ["text/plain", "here", undefined],
      );
    },
  },
  {
    name: "headers of a destination are those of its share of the requests",
    fields: [`${http}.route.headers.request.set`, `${http}.route.headers.response.add`],
    manifests: (row) => [
      row.subsets(),
      row.http({
        headers: { request: { set: { "x-rule": "rule" } } },
        route: ["v1", "v2"].map((subset) =>
          row.to(subset, {
            weight: 50,
            headers: { request: { set: { "x-share": subset } }, response: { add: { "x-from": subset } } },
          }),
        ),
      }),
    ],
    check: async (row) => {
      for (const { headers, body } of await row.sendMany(20)) {
        const answer = JSON.parse(body) as { version: string; headers: Record<string, string> };
        assert.deepEqual([answer.headers["x-share"], headers["x-from"]], [answer.version, answer.version]);
        assert.equal(answer.headers["x-rule"], "rule");
      }
    },
  },
  {
    name: "the Host header can be set for one destination",
    fields: [`${http}.route.headers`],
    manifests: (row) => [
      row.subsets(),
      row.http({
        route: [
          row.to("v1", { weight: 50, headers: { request: { set: { Host: "one.example.com" } } } }),
          row.to("v2", { weight: 50 }),
        ],
      }),
    ],
    check: async (row) => {
      for (const { body } of await row.sendMany(20)) {
        const answer = JSON.parse(body) as { version: string; headers: Record<string, string> };
        assert.equal(answer.headers["host"] === "one.example.com", answer.version === "v1");
      }
    },
  },
  {
    name: "a redirect names the new place and keeps the query",
    fields: [`${http}.redirect.uri`, `${http}.redirect.authority`, `${http}.redirect.redirectCode`],
    manifests: (row) => [row.http({ redirect: { uri: "/here", authority: "new.example.com", redirectCode: 302 } })],
    check: async (row) => {
      const { status, headers } = await row.ask("/gone?x=1");
      assert.equal(status, 302);
      assert.match(String(headers.location), /^http:\/\/new\.example\.com(:\d+)?\/here\?x=1$/);
    },
  },
  {
    name: "a redirect to a scheme and a port, 301 by default",
    fields: [`${http}.redirect.scheme`, `${http}.redirect.port`],
    manifests: (row) => [
      row.http(
        { match: [{ uri: { prefix: "/secure" } }], redirect: { scheme: "https", port: 8443 } },
        { redirect: { scheme: "https", port: 443, redirectCode: 308 } },
      ),
    ],
    check: async (row) => {
      const secure = await row.ask({ path: "/secure/x", host: row.host });
      assert.deepEqual([secure.status, secure.headers.location], [301, `https://${row.host}:8443/secure/x`]);
      const other = await row.ask({ path: "/other", host: row.host });
      assert.deepEqual([other.status, other.headers.location], [308, `https://${row.host}/other`]);
    },
  },
  {
    name: "a redirect replaces the matched prefix",
    fields: [`${http}.redirect.prefixRewrite`],
    manifests: (row) => [
      row.http(
        { match: [{ uri: { prefix: "/foo/" } }], redirect: { authority: "a.example.com", prefixRewrite: "/" } },
        { route: [row.to()] },
      ),
    ],
    check: async (row) => {
      assert.equal((await row.ask("/foo/bar?x=1")).headers.location, "http://a.example.com/bar?x=1");
    },
  },
  {
    name: "a redirect derives its port from the request or from the protocol",
    fields: [`${http}.redirect.derivePort`],
    manifests: (row) => [
      row.http(
        {
          match: [{ uri: { prefix: "/same" } }],
          redirect: { authority: "a.example.com", derivePort: "FROM_REQUEST_PORT" },
        },
        { redirect: { authority: "a.example.com", derivePort: "FROM_PROTOCOL_DEFAULT" } },
      ),
    ],
    check: async (row) => {
      assert.equal((await row.ask("/same")).headers.location, `http://a.example.com:${row.port}/same`);
      assert.equal((await row.ask("/default")).headers.location, "http://a.example.com/default");
    },
  },
  {
    name: "a direct response answers without a service",
    fields: [
      `${http}.directResponse.status`,
      `${http}.directResponse.body.string`,
      `${http}.directResponse.body.bytes`,
    ],
    manifests: (row) => [
      row.http(
        {
          match: [{ uri: { prefix: "/text" } }],
          directResponse: { status: 503, body: { string: "closed for today" } },
        },
        {
          match: [{ uri: { prefix: "/bytes" } }],
          directResponse: { status: 200, body: { bytes: Buffer.from("as bytes").toString("base64") } },
        },
        { directResponse: { status: 204 }, headers: { response: { set: { "x-why": "empty" } } } },
      ),
    ],
    check: async (row) => {
      const [text, bytes, empty] = await Promise.all(["/text", "/bytes", "/"].map((path) => row.ask(path)));
      assert.deepEqual([text?.status, text?.body], [503, "closed for today"]);
      assert.deepEqual([bytes?.status, bytes?.body], [200, "as bytes"]);
      assert.deepEqual([empty?.status, empty?.headers["x-why"]], [204, "empty"]);
    },
  },
  {
    name: "a rewrite replaces the matched prefix and the authority",
    fields: [`${http}.rewrite.uri`, `${http}.rewrite.authority`],
    manifests: (row) => [
      row.http({
        match: [{ uri: { prefix: "/old/" } }],
        rewrite: { uri: "/new/", authority: "inner.example.com" },
        route: [row.to()],
      }),
    ],
    check: async (row) => {
      const { path, headers } = await row.answer("/old/thing?x=1");
      assert.deepEqual([path, headers.host], ["/new/thing?x=1", "inner.example.com"]);
    },
  },
  {
    name: "a rewrite by regular expression has groups of its match",
    fields: [`${http}.rewrite.uriRegexRewrite.match`, `${http}.rewrite.uriRegexRewrite.rewrite`],
    manifests: (row) => [
      row.http({
        rewrite: { uriRegexRewrite: { match: "^/service/([^/]+)(/.*)$", rewrite: "\\2/instance/\\1" } },
        route: [row.to()],
      }),
    ],
    check: async (row) => {
      assert.equal((await row.answer("/service/foo/v1/api")).path, "/v1/api/instance/foo");
      assert.equal((await row.answer("/other")).path, "/other");
    },
  },
  {
    name: "mirrors get copies, and their answers count for nothing",
    fields: [`${http}.mirrors.destination`, `${http}.mirrors.percentage`],
    manifests: (row) => [
      row.subsets(),
      row.http({
        route: [row.to("v1")],
        mirrors: [row.to("v2"), row.to("v3", { percentage: { value: 0 } })],
      }),
    ],
    check: async (row) => {
      const headers = { "x-mirrored": row.slug, "x-sample-status": "503 v2" };
      for (const { status } of await row.sendMany(10, { headers })) assert.equal(status, 200);
      await row.eventually(async () => {
        assert.equal(copies(row, "v2").length, 10);
        assert.equal(copies(row, "v3").length, 0);
      });
      assert.equal(copies(row, "v2")[0]?.headers.host, copies(row, "v1")[0]?.headers.host);
    },
  },
  {
    name: "one mirror gets its percentage of requests",
    fields: [`${http}.mirror`, `${http}.mirrorPercentage.value`],
    manifests: (row) => [
      row.subsets(),
      row.http({
        route: [row.to("v1")],
        mirror: { host: row.host, subset: "v2" },
        mirrorPercentage: { value: 25 },
      }),
    ],
    check: async (row) => {
      await row.sendMany(400, { headers: { "x-mirrored": row.slug } });
      await row.eventually(async () => assertShare(copies(row, "v2").length, 400, 0.25));
    },
  },
  {
    name: "the older mirror_percent counts where mirrorPercentage is not set",
    fields: [`${http}.mirrorPercent`],
    manifests: (row) => [
      row.subsets(),
      row.http(
        {
          match: [{ uri: { prefix: "/none" } }],
          route: [row.to("v1")],
          mirror: { host: row.host, subset: "v2" },
          mirrorPercent: 0,
        },
        { route: [row.to("v1")], mirror: { host: row.host, subset: "v2" }, mirror_percent: 100 },
      ),
    ],
    complains: /mirrorPercent.*deprecated/,
    check: async (row) => {
      await row.sendMany(10, { path: "/none", headers: { "x-mirrored": row.slug } });
      await row.sendMany(10, { path: "/all", headers: { "x-mirrored": row.slug } });
      await row.eventually(async () => assert.equal(copies(row, "v2").length, 10));
      assert.ok(copies(row, "v2").every(({ path }) => path === "/all"));
    },
  },
];
