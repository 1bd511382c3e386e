import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { createMemoryStore, keys, type MeshStore } from "@lateen/mesh-store";
import { AccessLogService, StreamAccessLogsMessageSchema } from "@lateen/protos/envoy/service/accesslog/v3/als_pb.js";
import { Authorization, CheckRequestSchema } from "@lateen/protos/envoy/service/auth/v3/external_auth_pb.js";
import {
  RateLimitRequestSchema,
  RateLimitResponse_Code,
  RateLimitService,
} from "@lateen/protos/envoy/service/ratelimit/v3/rls_pb.js";
import { Limit_Unit, RateLimitSchema } from "@lateen/protos/mesh/policy/v1alpha1/rate_limit_pb.js";
import { type ConfigObjectSchema, EntrySchema } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import {
  AuthorizationPolicy_Action,
  AuthorizationPolicySchema,
} from "@lateen/protos/security/v1beta1/authorization_policy_pb.js";
import { createClient, createGrpcServer, openChannel } from "@lateen/rpc";
import { silentLogger } from "@lateen/runtime";
import { Registry } from "prom-client";
import { createMixerPolicy } from "./index.ts";

async function putConfig(
  store: MeshStore,
  object: MessageInitShape<typeof ConfigObjectSchema> & { kind: string; name: string },
): Promise<void> {
  const value = { apiVersion: "x/v1", namespace: "shop", ...object };
  await store.put(
    keys.config(object.kind, "shop", object.name),
    create(EntrySchema, { value: { case: "config", value } }),
  );
}

const rateLimit = (requests: number) =>
  toBinary(
    RateLimitSchema,
    create(RateLimitSchema, { rules: [{ name: "all", limit: { requests, unit: Limit_Unit.DAY } }] }),
  );

test("answers all three services over gRPC, follows the store, and stops", async () => {
  const store = createMemoryStore();
  const registry = new Registry();
  const component = createMixerPolicy({ store, registry, logger: silentLogger() });
  assert.equal(component.checks[0]?.check().ready, false, "nothing read yet");
  await putConfig(store, { kind: "RateLimit", name: "cart", spec: rateLimit(1) });
  await putConfig(store, {
    kind: "AuthorizationPolicy",
    name: "token",
    annotations: { "policy.lateen.dev/require-header": "x-token" },
    spec: toBinary(
      AuthorizationPolicySchema,
      create(AuthorizationPolicySchema, {
        action: AuthorizationPolicy_Action.CUSTOM,
        actionDetail: { case: "provider", value: { name: "lateen-policy" } },
      }),
    ),
  });
  const stop = new AbortController();
  const running = component.run(stop.signal);
  const server = createGrpcServer({ services: component.rpc });
  const { port } = await server.listen({ address: "127.0.0.1:0" });
  const channel = openChannel(`127.0.0.1:${port}`, { kind: "plaintext" });
  try {
    await until(() => component.checks[0]?.check().ready === true);

    const authorization = createClient(Authorization, channel);
    const check = (headers: Record<string, string>) =>
      authorization.check(
        create(CheckRequestSchema, {
          attributes: { request: { http: { headers } }, contextExtensions: { authz_policy: "shop/token" } },
        }),
      );
    const denied = await check({});
    assert.equal(denied.status?.code, 7);
    assert.equal(denied.httpResponse.case === "deniedResponse" && denied.httpResponse.value.status?.code, 403);
    const allowed = await check({ "x-token": "1" });
    assert.equal(
      allowed.httpResponse.case === "okResponse" && allowed.httpResponse.value.headers[0]?.header?.value,
      "allowed",
    );

    const limits = createClient(RateLimitService, channel);
    const request = create(RateLimitRequestSchema, {
      domain: "lateen",
      descriptors: [{ entries: [{ key: "rule", value: "shop/cart/all" }] }],
    });
    const ask = async () => (await limits.shouldRateLimit(request)).overallCode;
    assert.deepEqual([await ask(), await ask()], [RateLimitResponse_Code.OK, RateLimitResponse_Code.OVER_LIMIT]);
    await putConfig(store, { kind: "RateLimit", name: "cart", spec: rateLimit(100) });
    await until(async () => (await ask()) === RateLimitResponse_Code.OK);
    await store.delete(keys.config("RateLimit", "shop", "cart"));
    await sleep(20);
    assert.equal(await ask(), RateLimitResponse_Code.OK, "a rule that is gone limits nothing");

    const logs = createClient(AccessLogService, channel);
    await logs.streamAccessLogs(
      (async function* () {
        yield create(StreamAccessLogsMessageSchema, {
          identifier: { logName: "lateen-inbound", node: { id: "sidecar~10.0.0.2~cart-1.shop~x" } },
        });
        yield create(StreamAccessLogsMessageSchema, {
          logEntries: {
            case: "httpLogs",
            value: { logEntry: [{ commonProperties: {}, response: { responseCode: 200 } }] },
          },
        });
      })(),
    );
    assert.match(await registry.metrics(), /istio_requests_total\{.*destination_workload="cart-1".*\} 1/);
  } finally {
    channel.close();
    await server.close(100);
    stop.abort();
    await running;
  }
});

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let left = 12_000; left > 0; left -= 1) {
    if (await condition()) return;
    await sleep(5);
  }
  assert.fail("not within a minute");
}
