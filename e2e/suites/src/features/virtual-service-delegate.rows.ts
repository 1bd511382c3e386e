import assert from "node:assert/strict";
import type { Feature } from "./feature.ts";

const field = "VirtualService.http.delegate";

/** What a VirtualService leaves to another one. */
export const virtualServiceDelegateRows: readonly Feature[] = [
  {
    name: "a delegate's routes apply within the match that delegates",
    fields: [`${field}.name`],
    manifests: (row) => [
      row.subsets(),
      row.http({ match: [{ uri: { prefix: "/team" } }], delegate: row.named("team") }, { route: [row.to("v1")] }),
      row.virtualService(
        {
          http: [{ match: [{ uri: { prefix: "/team/new" } }], route: [row.to("v3")] }, { route: [row.to("v2")] }],
        },
        "team",
      ),
    ],
    check: async (row) => {
      assert.equal((await row.answer("/")).version, "v1");
      assert.equal((await row.answer("/team/old")).version, "v2");
      assert.equal((await row.answer("/team/new")).version, "v3");
    },
  },
  {
    name: "of a delegation both matches have to hold, and what the delegate leaves open is the outer rule's",
    fields: [field],
    manifests: (row) => [
      row.subsets(),
      row.http(
        {
          match: [{ headers: { "x-team": { exact: "a" } } }],
          delegate: { name: row.named("team").name },
          timeout: "1s",
          headers: { request: { set: { "x-from": "outer" } } },
        },
        { route: [row.to("v1")] },
      ),
      row.virtualService(
        {
          http: [
            { match: [{ uri: { prefix: "/patient" } }], timeout: "60s", route: [row.to("v2")] },
            { match: [{ method: { exact: "GET" } }], route: [row.to("v2")] },
          ],
        },
        "team",
      ),
    ],
    check: async (row) => {
      const team = { "x-team": "a" };
      assert.equal((await row.answer({ path: "/x" })).version, "v1");
      await row.eventually(async () => {
        const answer = await row.answer({ path: "/x", headers: team }); // may be late where a machine is very slow
        assert.deepEqual([answer.version, answer.headers["x-from"]], ["v2", "outer"]);
      });
      assert.equal((await row.answer({ path: "/x", method: "POST", headers: team })).version, "v1");
      const slow = (delayMs: number) => ({ ...team, "x-sample-delay": String(delayMs) });
      assert.equal((await row.ask({ path: "/x", headers: slow(30_000) })).status, 504);
      assert.equal((await row.ask({ path: "/patient", headers: slow(1_500) })).status, 200);
    },
  },
  {
    name: "a delegate in another namespace writes that namespace's short names, if it is exported",
    fields: [`${field}.namespace`, "VirtualService.exportTo"],
    manifests: (row) => [
      ...row.service({ suffix: "inner", namespace: "team-b", to: [row.workload("reviews", "v3")] }),
      row.http(
        { match: [{ uri: { prefix: "/b" } }], delegate: row.named("b", "team-b") },
        { match: [{ uri: { prefix: "/hidden" } }], delegate: row.named("hidden", "team-b") },
        { directResponse: { status: 410 } },
      ),
      ...["b", "hidden"].map((suffix) => ({
        ...row.virtualService({}),
        metadata: row.named(suffix, "team-b"),
        spec: {
          exportTo: suffix === "b" ? [row.namespace] : ["."],
          http: [{ route: [{ destination: { host: row.named("inner").name } }] }],
        },
      })),
    ],
    check: async (row) => {
      assert.equal((await row.answer("/b")).version, "v3");
      assert.equal((await row.ask("/hidden")).status, 410);
      assert.match(await row.findings(), /not exported to \\"shop\\"/);
    },
  },
  {
    name: "a gateway's host is shared out to teams by delegates",
    fields: [field, "VirtualService.gateways"],
    manifests: (row) => [
      row.subsets(),
      row.virtualService({
        hosts: [row.publicHost],
        gateways: ["edge"],
        http: [
          { match: [{ uri: { prefix: "/a" } }], delegate: row.named("a") },
          { match: [{ uri: { prefix: "/b" } }], delegate: row.named("b"), rewrite: { uri: "/inner" } },
        ],
      }),
      row.virtualService({ http: [{ route: [row.to("v2")] }] }, "a"),
      row.virtualService({ http: [{ route: [row.to("v3")] }] }, "b"),
    ],
    check: async (row) => {
      assert.equal((await row.answerOfGateway("/a/x")).version, "v2");
      const { version, path } = await row.answerOfGateway("/b/x");
      assert.deepEqual([version, path], ["v3", "/inner/x"]);
      assert.equal((await row.askGateway("/c")).status, 404);
    },
  },
  {
    name: "a delegate's rule that is not within the outer match is left out and told",
    fields: [field],
    manifests: (row) => [
      row.subsets(),
      row.http({ match: [{ uri: { prefix: "/a" } }], delegate: row.named("team") }, { route: [row.to("v1")] }),
      row.virtualService(
        {
          http: [
            { match: [{ uri: { prefix: "/b" } }], route: [row.to("v2")] },
            { match: [{ uri: { exact: "/a/one" } }], route: [row.to("v3")] },
          ],
        },
        "team",
      ),
    ],
    check: async (row) => {
      assert.equal((await row.answer("/a/one")).version, "v3");
      assert.equal((await row.answer("/a/two")).version, "v1");
      assert.equal((await row.answer("/b")).version, "v1");
      assert.match(await row.findings(), /delegate-conflict/);
    },
  },
  {
    name: "delegates below delegates are refused",
    fields: [field],
    manifests: (row) => [
      row.subsets(),
      row.http({ match: [{ uri: { prefix: "/a" } }], delegate: row.named("one") }, { route: [row.to("v1")] }),
      row.virtualService({ http: [{ delegate: row.named("two") }] }, "one"),
      row.virtualService({ http: [{ route: [row.to("v2")] }] }, "two"),
    ],
    complains: /one level too many/,
    check: async (row) => {
      assert.equal((await row.answer("/a")).version, "v1");
      assert.match(await row.findings(), /there is no VirtualService/);
    },
  },
];
