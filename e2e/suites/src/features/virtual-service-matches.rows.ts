import assert from "node:assert/strict";
import type { Asked, Feature, FeatureContext } from "./feature.ts";

const match = "VirtualService.http.match";

/** Whatever the match takes goes to v2, all else to v1. */
function routing(conditions: readonly object[]): (row: FeatureContext) => readonly object[] {
  return (row) => [row.subsets(), row.http({ match: conditions, route: [row.to("v2")] }, { route: [row.to("v1")] })];
}

async function versions(row: FeatureContext, asked: readonly (Asked | string)[]): Promise<readonly string[]> {
  return Promise.all(asked.map(async (one) => (await row.answer(one)).version));
}

/** Which requests a rule takes. */
export const virtualServiceMatchRows: readonly Feature[] = [
  {
    name: "an exact path match takes that path only",
    fields: [`${match}.uri.exact`, "VirtualService.hosts", "VirtualService.http.route.destination.subset"],
    manifests: routing([{ uri: { exact: "/one" } }]),
    check: async (row) => {
      const paths = ["/one", "/one?query=does-not-count", "/one/more", "/ONE"];
      assert.deepEqual(await versions(row, paths), ["v2", "v2", "v1", "v1"]);
    },
  },
  {
    name: "a path prefix takes everything that begins with it",
    fields: [`${match}.uri.prefix`],
    manifests: routing([{ uri: { prefix: "/api/" } }]),
    check: async (row) => {
      assert.deepEqual(await versions(row, ["/api/", "/api/deep/er", "/apis", "/"]), ["v2", "v2", "v1", "v1"]);
    },
  },
  {
    name: "a regular expression has to match the whole path",
    fields: [`${match}.uri.regex`],
    manifests: routing([{ uri: { regex: "/v[2-9]/[a-z]+" } }]),
    check: async (row) => {
      assert.deepEqual(await versions(row, ["/v7/abc", "/v1/abc", "/v7/abc/9"]), ["v2", "v1", "v1"]);
    },
  },
  {
    name: "ignoreUriCase takes exact paths and prefixes in any case",
    fields: [`${match}.ignoreUriCase`],
    manifests: routing([
      { uri: { exact: "/One" }, ignoreUriCase: true },
      { uri: { prefix: "/Below/" }, ignoreUriCase: true },
    ]),
    check: async (row) => {
      assert.deepEqual(await versions(row, ["/oNE", "/bELOW/x", "/below"]), ["v2", "v2", "v1"]);
    },
  },
  {
    name: "a scheme match sees the scheme of the connection",
    fields: [`${match}.scheme`],
    manifests: (row) => [
      row.subsets(),
      row.http(
        { match: [{ scheme: { exact: "https" } }], route: [row.to("v1")] },
        { match: [{ scheme: { exact: "http" } }], route: [row.to("v3")] },
        { route: [row.to("v2")] },
      ),
    ],
    check: async (row) => assert.deepEqual(await versions(row, ["/"]), ["v3"]),
  },
  {
    name: "a method match",
    fields: [`${match}.method`],
    manifests: routing([{ method: { exact: "POST" } }, { method: { regex: "PU.|PATCH" } }]),
    check: async (row) => {
      const methods = ["POST", "PUT", "PATCH", "DELETE"].map((method) => ({ method }));
      assert.deepEqual(await versions(row, methods), ["v2", "v2", "v2", "v1"]);
    },
  },
  {
    name: "an authority match sees the host as the client wrote it",
    fields: [`${match}.authority`],
    manifests: (row) => routing([{ authority: { prefix: `${row.named().name}.${row.namespace}:` } }])(row),
    check: async (row) => {
      const short = `${row.named().name}.${row.namespace}:${row.port}`;
      assert.deepEqual(await versions(row, [{ host: short }, { host: row.host }]), ["v2", "v1"]);
    },
  },
  {
    name: "header matches: exact, prefix, regex and presence, all of one condition together",
    fields: [`${match}.headers`],
    manifests: routing([
      { headers: { "x-user": { exact: "jason" }, "x-trace": {} } },
      { headers: { "x-user": { prefix: "dev-" } } },
      { headers: { "X-Build": { regex: "[0-9]+" } } },
    ]),
    check: async (row) => {
      const asked = [
        { "x-user": "jason", "x-trace": "1" },
        { "x-user": "jason" },
        { "x-user": "Jason", "x-trace": "1" },
        { "x-user": "dev-9" },
        { "x-build": "42" },
        { "x-build": "42a" },
      ].map((headers) => ({ headers }));
      assert.deepEqual(await versions(row, asked), ["v2", "v1", "v1", "v2", "v2", "v1"]);
    },
  },
  {
    name: "withoutHeaders takes requests that lack a header or have another value",
    fields: [`${match}.withoutHeaders`],
    manifests: routing([{ withoutHeaders: { "x-debug": {}, "x-user": { exact: "jason" } } }]),
    check: async (row) => {
      const asked = [{}, { "x-debug": "1" }, { "x-user": "jason" }, { "x-user": "anna" }].map((headers) => ({
        headers,
      }));
      assert.deepEqual(await versions(row, asked), ["v2", "v1", "v1", "v2"]);
    },
  },
  {
    name: "query parameter matches: exact, prefix, regex and presence",
    fields: [`${match}.queryParams`],
    manifests: routing([
      { queryParams: { beta: { exact: "yes" } } },
      { queryParams: { build: { prefix: "7." } } },
      { queryParams: { n: { regex: "[0-9]+" } } },
      { queryParams: { debug: {} } },
    ]),
    check: async (row) => {
      const asked = ["/?beta=yes", "/?beta=yesno", "/?build=7.2", "/?n=12", "/?n=x", "/?debug", "/?debugger=1"];
      assert.deepEqual(await versions(row, asked), ["v2", "v1", "v2", "v2", "v1", "v2", "v1"]);
    },
  },
  {
    name: "a port match applies on that port of the host only",
    fields: [`${match}.port`],
    manifests: (row) => [
      ...row.service({ port: row.ports(0), to: [row.workload("reviews", "v1")], suffix: "second" }),
      row.subsets(),
      row.virtualService({
        hosts: [row.host, row.mesh.host(row.named("second").name)],
        http: [
          { match: [{ port: row.ports(0) }], directResponse: { status: 410 } },
          { match: [{ port: row.port }], route: [row.to("v2")] },
        ],
      }),
    ],
    check: async (row) => {
      assert.deepEqual(await versions(row, ["/"]), ["v2"]);
      const second = row.mesh.host(row.named("second").name);
      assert.equal((await row.ask({ port: row.ports(0), host: second })).status, 410);
    },
  },
  {
    name: "sourceLabels take the requests of workloads with those labels",
    fields: [`${match}.sourceLabels`],
    manifests: routing([{ sourceLabels: { app: "frontend", version: "v2" } }]),
    check: async (row) => {
      assert.equal((await row.answer()).version, "v1");
      assert.equal((await row.answer({ from: "frontend-v2-1" })).version, "v2");
    },
  },
  {
    name: "sourceNamespace takes the requests of a namespace's workloads",
    fields: [`${match}.sourceNamespace`],
    manifests: routing([{ sourceNamespace: "team-b" }]),
    check: async (row) => {
      assert.equal((await row.answer()).version, "v1");
      assert.equal((await row.answer({ from: "client" })).version, "v2");
    },
  },
  {
    name: "match.gateways tells requests of sidecars from those of a gateway",
    fields: [`${match}.gateways`, "VirtualService.gateways"],
    manifests: (row) => [
      row.subsets(),
      row.virtualService({
        hosts: [row.host, row.publicHost],
        gateways: ["mesh", "edge"],
        http: [
          { match: [{ gateways: ["edge"] }], route: [row.to("v3")] },
          { match: [{ gateways: ["mesh"] }], route: [row.to("v2")] },
          { route: [row.to("v1")] },
        ],
      }),
    ],
    check: async (row) => {
      assert.equal((await row.answer()).version, "v2");
      assert.equal((await row.answerOfGateway()).version, "v3");
    },
  },
  {
    name: "statPrefix gives a route statistics of its own",
    fields: [`${match}.statPrefix`],
    manifests: routing([{ uri: { prefix: "/counted" }, statPrefix: "counted" }]),
    check: async (row) => {
      await row.sendMany(3, "/counted");
      await row.eventually(async () => {
        const stats = await row.proxy().admin.stats(/\.route\.counted\.upstream_rq_(total|2xx)$/);
        assert.ok([...stats.values()].includes(3), JSON.stringify([...stats]));
      });
    },
  },
  {
    name: "names of a rule and its match name the route",
    fields: ["VirtualService.http.name", `${match}.name`],
    manifests: routing([{ uri: { prefix: "/named" }, name: "matched" }]),
    check: async (row) => {
      assert.equal((await row.answer("/named")).version, "v2");
      assert.match(await row.proxy().admin.configDump(), /"\.matched"/);
    },
  },
  {
    name: "the first rule that matches counts, and conditions of one rule are alternatives",
    fields: [match, "VirtualService.http.route"],
    manifests: (row) => [
      row.subsets(),
      row.http(
        {
          match: [{ uri: { prefix: "/a" }, method: { exact: "GET" } }, { uri: { prefix: "/b" } }],
          route: [row.to("v2")],
        },
        { match: [{ uri: { prefix: "/a" } }], route: [row.to("v3")] },
        { route: [row.to("v1")] },
      ),
    ],
    check: async (row) => {
      const asked = [{ path: "/a" }, { path: "/b", method: "PUT" }, { path: "/a", method: "PUT" }, { path: "/c" }];
      assert.deepEqual(await versions(row, asked), ["v2", "v2", "v3", "v1"]);
    },
  },
  {
    name: "a rule behind one that matches everything is told and never reached",
    fields: [match],
    manifests: (row) => [
      row.subsets(),
      row.http({ route: [row.to("v1")] }, { match: [{ uri: { prefix: "/late" } }], route: [row.to("v2")] }),
    ],
    complains: /IST0130/,
    check: async (row) => assert.deepEqual(await versions(row, ["/late"]), ["v1"]),
  },
];
