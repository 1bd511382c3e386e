import assert from "node:assert/strict";
import { StatusCode } from "@lateen/protos/envoy/type/v3/http_status_pb.js";
import { authorizationPolicy, endpointSlice } from "@lateen/e2e-harness";
import { allowed, denied, grpcAuthorizer, httpAuthorizer } from "./authorizers.ts";
import type { Feature, FeatureContext } from "./feature.ts";

const http = (field: string): string => `MeshConfig.extensionProviders.envoyExtAuthzHttp.${field}`;
const grpc = (field: string): string => `MeshConfig.extensionProviders.envoyExtAuthzGrpc.${field}`;

interface Guard {
  readonly kind: "envoyExtAuthzHttp" | "envoyExtAuthzGrpc";
  /** More of the provider. */
  readonly more?: object;
  /** What the gateway does with requests; default sends them to v1. */
  readonly rules?: (row: FeatureContext) => readonly object[];
  readonly manifests?: (row: FeatureContext) => readonly object[];
  /** Of the policy. */
  readonly operation?: (row: FeatureContext) => object;
}

/** The gateway asks an authorizer of the row's, on its port 1, about all paths under `/guarded`. */
function guarded({
  kind,
  more,
  rules,
  manifests,
  operation,
}: Guard): Pick<Feature, "alone" | "meshConfig" | "manifests"> {
  const portName = kind === "envoyExtAuthzGrpc" ? "grpc" : "http";
  return {
    alone: true,
    meshConfig: (row) => ({
      extensionProviders: [
        {
          name: "authorizer",
          [kind]: { service: row.mesh.host(row.named("authz").name), port: row.ports(2), ...more },
        },
      ],
    }),
    manifests: (row) => [
      ...row.service({ suffix: "authz", port: row.ports(2), portName, to: [] }),
      endpointSlice(row.named("authz"), {
        ...{ service: row.named("authz").name, portName, address: "127.0.0.1", port: row.ports(1) },
      }),
      authorizationPolicy(row.named(), {
        ...{ selector: { matchLabels: { istio: "edge" } }, action: "CUSTOM", provider: { name: "authorizer" } },
        rules: [{ to: [{ operation: operation?.(row) ?? { paths: ["/guarded*"] } }] }],
      }),
      row.subsets(),
      row.virtualService({
        ...{ hosts: [row.publicHost], gateways: ["edge"] },
        http: rules?.(row) ?? [{ route: [row.to("v1")] }],
      }),
      ...(manifests?.(row) ?? []),
    ],
  };
}

/** Where requests go that an authorizer marked, if the route is looked for again afterwards. */
const byMark = (row: FeatureContext): readonly object[] => [
  { match: [{ headers: { "x-mark": { exact: "new" } } }], route: [row.to("v2")] },
  { route: [row.to("v1")] },
];

const bodyRules = { maxRequestBytes: 4, allowPartialMessage: true };
const post = (body: string) => ({
  path: "/guarded",
  method: "POST",
  body,
  headers: { "content-length": `${body.length}` },
});

const httpRows: readonly Feature[] = [
  {
    name: "an HTTP authorizer is asked under its path, and its word holds",
    fields: [http("service"), http("port"), http("pathPrefix")],
    ...guarded({ kind: "envoyExtAuthzHttp", more: { pathPrefix: "/check" } }),
    check: async (row) => {
      await using authorizer = await httpAuthorizer(row.ports(1), ({ path }) =>
        path.endsWith("/good") ? { status: 200 } : { status: 418, body: "not you" },
      );
      await row.eventually(async () => assert.equal((await row.askGateway("/guarded/good")).status, 200));
      const refused = await row.askGateway("/guarded/bad");
      assert.deepEqual([refused.status, refused.body], [418, "not you"]);
      assert.equal((await row.askGateway("/open")).status, 200);
      const paths = new Set(authorizer.checks.map(({ path }) => path));
      assert.deepEqual([...paths].sort(), ["/check/guarded/bad", "/check/guarded/good"]);
    },
  },
  {
    name: "of a request's headers an HTTP authorizer sees those that are named, and what is added",
    fields: ["includeRequestHeadersInCheck", "includeHeadersInCheck", "includeAdditionalHeadersInCheck"].map(http),
    ...guarded({
      kind: "envoyExtAuthzHttp",
      more: {
        includeRequestHeadersInCheck: ["x-exact", "x-begins-*"],
        includeHeadersInCheck: ["x-older"],
        includeAdditionalHeadersInCheck: { "x-from": "mesh" },
      },
    }),
    check: async (row) => {
      await using authorizer = await httpAuthorizer(row.ports(1), () => ({ status: 200 }));
      const sent = { "x-exact": "1", "x-begins-so": "2", "x-older": "3", "x-other": "4", "x-from": "client" };
      await row.eventually(async () => {
        await row.askGateway({ path: "/guarded", headers: sent });
        const seen = authorizer.checks.at(-1)?.headers ?? {};
        assert.deepEqual(
          ["x-exact", "x-begins-so", "x-older", "x-other", "x-from"].map((name) => seen[name]),
          ["1", "2", "3", undefined, "mesh"],
        );
      });
    },
  },
  {
    name: "when it allows, named headers of an HTTP authorizer go on to the server and back to the client",
    fields: [http("headersToUpstreamOnAllow"), http("headersToDownstreamOnAllow")],
    ...guarded({
      kind: "envoyExtAuthzHttp",
      more: { headersToUpstreamOnAllow: ["x-user"], headersToDownstreamOnAllow: ["x-session*"] },
    }),
    check: async (row) => {
      const headers = { "x-user": "ann", "x-session-id": "7", "x-secret": "s" };
      await using _authorizer = await httpAuthorizer(row.ports(1), () => ({ status: 200, headers }));
      await row.eventually(async () => {
        const answer = await row.askGateway({ path: "/guarded", headers: { "x-user": "mallory" } });
        assert.equal(answer.status, 200);
        const reached = (JSON.parse(answer.body) as { headers: Record<string, string> }).headers;
        assert.deepEqual(
          [reached["x-user"], reached["x-session-id"], reached["x-secret"]],
          ["ann", undefined, undefined],
        );
        assert.deepEqual(
          [answer.headers["x-session-id"], answer.headers["x-user"], answer.headers["x-secret"]],
          ["7", undefined, undefined],
        );
      });
    },
  },
  {
    name: "when it denies, named headers of an HTTP authorizer go to the client",
    fields: [http("headersToDownstreamOnDeny")],
    ...guarded({ kind: "envoyExtAuthzHttp", more: { headersToDownstreamOnDeny: ["x-why"] } }),
    check: async (row) => {
      const headers = { "x-why": "late", "x-secret": "s" };
      await using _authorizer = await httpAuthorizer(row.ports(1), () => ({ status: 401, headers }));
      await row.eventually(async () => {
        const answer = await row.askGateway("/guarded");
        assert.deepEqual(
          [answer.status, answer.headers["x-why"], answer.headers["x-secret"]],
          [401, "late", undefined],
        );
      });
    },
  },
  {
    name: "an HTTP authorizer is sent a body up to a limit, and told that there is more",
    fields: [http("includeRequestBodyInCheck.maxRequestBytes"), http("includeRequestBodyInCheck.allowPartialMessage")],
    ...guarded({ kind: "envoyExtAuthzHttp", more: { includeRequestBodyInCheck: bodyRules } }),
    check: async (row) => {
      await using authorizer = await httpAuthorizer(row.ports(1), () => ({ status: 200 }));
      await row.eventually(async () => {
        assert.equal((await row.askGateway(post("abcdefgh"))).status, 200);
        const seen = authorizer.checks.at(-1);
        assert.deepEqual([seen?.body, seen?.headers["x-envoy-auth-partial-body"]], ["abcd", "true"]);
      });
      await row.askGateway(post("abc"));
      const seen = authorizer.checks.at(-1);
      assert.deepEqual([seen?.body, seen?.headers["x-envoy-auth-partial-body"]], ["abc", "false"]);
    },
  },
  {
    name: "a body over the limit that an authorizer must see whole is refused",
    fields: [http("includeRequestBodyInCheck.maxRequestBytes"), http("includeRequestBodyInCheck.allowPartialMessage")],
    ...guarded({ kind: "envoyExtAuthzHttp", more: { includeRequestBodyInCheck: { maxRequestBytes: 4 } } }),
    check: async (row) => {
      await using authorizer = await httpAuthorizer(row.ports(1), () => ({ status: 200 }));
      await row.eventually(async () => assert.equal((await row.askGateway(post("abcdefgh"))).status, 413));
      assert.equal((await row.askGateway(post("abcd"))).status, 200);
      assert.equal(authorizer.checks.at(-1)?.body, "abcd");
    },
  },
  {
    name: "without its HTTP authorizer a gateway that fails open lets requests through",
    fields: [http("failOpen")],
    ...guarded({ kind: "envoyExtAuthzHttp", more: { failOpen: true } }),
    check: async (row) => {
      {
        await using _authorizer = await httpAuthorizer(row.ports(1), () => ({ status: 403 }));
        await row.eventually(async () => assert.equal((await row.askGateway("/guarded")).status, 403));
      }
      await row.eventually(async () => assert.equal((await row.askGateway("/guarded")).status, 200));
    },
  },
  {
    name: "an HTTP authorizer that does not answer in time is an error, with the status that is chosen for it",
    fields: [http("timeout"), http("statusOnError")],
    ...guarded({ kind: "envoyExtAuthzHttp", more: { timeout: "0.2s", statusOnError: "504" } }),
    check: async (row) => {
      await using authorizer = await httpAuthorizer(row.ports(1), () => "silent");
      await row.eventually(async () => {
        assert.equal((await row.askGateway({ path: "/guarded", timeoutMs: 30_000 })).status, 504);
        assert.ok(authorizer.checks.length > 0, "it was asked");
      });
    },
  },
  {
    name: "what an HTTP authorizer adds may choose another route",
    fields: [http("clearRouteCache")],
    ...guarded({
      kind: "envoyExtAuthzHttp",
      more: { clearRouteCache: true, headersToUpstreamOnAllow: ["x-mark"] },
      rules: byMark,
    }),
    check: async (row) => {
      await using _authorizer = await httpAuthorizer(row.ports(1), () => ({
        status: 200,
        headers: { "x-mark": "new" },
      }));
      await row.eventually(async () => assert.equal((await row.answerOfGateway("/guarded")).version, "v2"));
      assert.equal((await row.answerOfGateway("/open")).version, "v1");
    },
  },
];

const grpcRows: readonly Feature[] = [
  {
    name: "a gRPC authorizer is told of requests, and its word holds",
    fields: [grpc("service"), grpc("port")],
    ...guarded({ kind: "envoyExtAuthzGrpc" }),
    check: async (row) => {
      await using authorizer = await grpcAuthorizer(row.ports(1), ({ attributes }) =>
        attributes?.request?.http?.path.endsWith("/good") === true
          ? allowed({ "x-user": "ann" })
          : denied(StatusCode.Conflict, { "x-why": "late" }),
      );
      await row.eventually(async () => {
        const { headers } = await row.answerOfGateway("/guarded/good");
        assert.equal(headers["x-user"], "ann");
      });
      const refused = await row.askGateway("/guarded/bad");
      assert.deepEqual([refused.status, refused.headers["x-why"], refused.body], [409, "late", "no"]);
      assert.equal((await row.askGateway("/open")).status, 200);
      const paths = new Set(authorizer.checks.map(({ attributes }) => attributes?.request?.http?.path));
      assert.deepEqual([...paths].sort(), ["/guarded/bad", "/guarded/good"]);
    },
  },
  {
    name: "a gRPC authorizer is sent a body as bytes, up to a limit",
    fields: [
      grpc("includeRequestBodyInCheck.maxRequestBytes"),
      grpc("includeRequestBodyInCheck.allowPartialMessage"),
      grpc("includeRequestBodyInCheck.packAsBytes"),
    ],
    ...guarded({ kind: "envoyExtAuthzGrpc", more: { includeRequestBodyInCheck: { ...bodyRules, packAsBytes: true } } }),
    check: async (row) => {
      await using authorizer = await grpcAuthorizer(row.ports(1), () => allowed());
      await row.eventually(async () => {
        assert.equal((await row.askGateway(post("abcdefgh"))).status, 200);
        const seen = authorizer.checks.at(-1)?.attributes?.request?.http;
        assert.deepEqual([Buffer.from(seen?.rawBody ?? []).toString(), seen?.body], ["abcd", ""]);
      });
    },
  },
  {
    name: "a gRPC authorizer is sent a body as text where nobody asks for bytes",
    fields: [grpc("includeRequestBodyInCheck.packAsBytes")],
    ...guarded({ kind: "envoyExtAuthzGrpc", more: { includeRequestBodyInCheck: bodyRules } }),
    check: async (row) => {
      await using authorizer = await grpcAuthorizer(row.ports(1), () => allowed());
      await row.eventually(async () => {
        assert.equal((await row.askGateway(post("abcdefgh"))).status, 200);
        const seen = authorizer.checks.at(-1)?.attributes?.request?.http;
        assert.deepEqual([seen?.rawBody.length, seen?.body], [0, "abcd"]);
      });
    },
  },
  {
    name: "without its gRPC authorizer a gateway that fails open lets requests through",
    fields: [grpc("failOpen")],
    ...guarded({ kind: "envoyExtAuthzGrpc", more: { failOpen: true } }),
    check: async (row) => {
      {
        await using _authorizer = await grpcAuthorizer(row.ports(1), () => denied(StatusCode.Forbidden));
        await row.eventually(async () => assert.equal((await row.askGateway("/guarded")).status, 403));
      }
      await row.eventually(async () => assert.equal((await row.askGateway("/guarded")).status, 200));
    },
  },
  {
    name: "a gRPC authorizer that does not answer in time is an error, with the status that is chosen for it",
    fields: [grpc("timeout"), grpc("statusOnError")],
    ...guarded({ kind: "envoyExtAuthzGrpc", more: { timeout: "0.2s", statusOnError: "504" } }),
    check: async (row) => {
      await using authorizer = await grpcAuthorizer(row.ports(1), () => "silent");
      await row.eventually(async () => {
        assert.equal((await row.askGateway({ path: "/guarded", timeoutMs: 30_000 })).status, 504);
        assert.ok(authorizer.checks.length > 0, "it was asked");
      });
    },
  },
  {
    name: "what a gRPC authorizer adds may choose another route",
    fields: [grpc("clearRouteCache")],
    ...guarded({ kind: "envoyExtAuthzGrpc", more: { clearRouteCache: true }, rules: byMark }),
    check: async (row) => {
      await using _authorizer = await grpcAuthorizer(row.ports(1), () => allowed({ "x-mark": "new" }));
      await row.eventually(async () => assert.equal((await row.answerOfGateway("/guarded")).version, "v2"));
      assert.equal((await row.answerOfGateway("/open")).version, "v1");
    },
  },
  {
    name: "where what is added must not choose a route, the first one holds",
    fields: [grpc("clearRouteCache")],
    ...guarded({ kind: "envoyExtAuthzGrpc", rules: byMark }),
    check: async (row) => {
      await using _authorizer = await grpcAuthorizer(row.ports(1), () => allowed({ "x-mark": "new" }));
      await row.eventually(async () => {
        const { version, headers } = await row.answerOfGateway("/guarded");
        assert.deepEqual([version, headers["x-mark"]], ["v1", "new"]);
      });
    },
  },
  {
    name: "connections through a gateway are asked about, too",
    fields: [grpc("service"), grpc("port")],
    ...guarded({
      kind: "envoyExtAuthzGrpc",
      operation: (row) => ({ ports: [`${row.ports(0)}`] }),
      manifests: (row) => [
        row.gateway({
          selector: { istio: "edge" },
          servers: [{ port: { number: row.ports(0), name: "tcp", protocol: "TCP" }, hosts: ["*"] }],
        }),
        row.virtualService(
          {
            ...{ hosts: ["*"], gateways: [row.named().name] },
            tcp: [{ match: [{ port: row.ports(0) }], route: [row.to("v1")] }],
          },
          "tcp",
        ),
      ],
    }),
    check: async (row) => {
      let opinion = allowed();
      await using authorizer = await grpcAuthorizer(row.ports(1), () => opinion);
      const talk = (): Promise<string> => row.talk({ address: "127.0.0.1", port: row.ports(0) });
      await row.eventually(async () => assert.match(await talk(), /reviews-v1/));
      await row.eventually(async () => {
        await talk();
        assert.ok(authorizer.checks.length > 0, "it was asked");
      });
      opinion = denied(StatusCode.Forbidden);
      await assert.rejects(talk);
    },
  },
];

/** Who else decides on requests: AuthorizationPolicies of action CUSTOM, by a provider of the mesh's. */
export const externalAuthorizerRows: readonly Feature[] = [...httpRows, ...grpcRows];
