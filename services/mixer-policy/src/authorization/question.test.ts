import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { AttributeContextSchema } from "@lateen/protos/envoy/service/auth/v3/attribute_context_pb.js";
import { questionOf } from "./question.ts";

const address = (ip: string, port: number) => ({
  address: {
    case: "socketAddress" as const,
    value: { address: ip, portSpecifier: { case: "portValue" as const, value: port } },
  },
});

test("reads what Envoy sends", () => {
  const asked = questionOf(
    create(AttributeContextSchema, {
      source: { address: address("10.0.0.1", 4000), principal: "spiffe://td/ns/a/sa/b" },
      destination: { address: address("10.0.0.2", 8080) },
      request: { http: { method: "POST", path: "/a/b?c=d", host: "h", headers: { "x-a": "1" } } },
      contextExtensions: { authz_policy: "shop/p" },
    }),
  );
  assert.deepEqual(asked, {
    method: "POST",
    path: "/a/b",
    host: "h",
    headers: { "x-a": "1" },
    sourceAddress: "10.0.0.1",
    sourcePrincipal: "spiffe://td/ns/a/sa/b",
    destinationAddress: "10.0.0.2",
    destinationPort: 8080,
    policy: "shop/p",
  });
});

test("raw headers count too, and the RBAC filter's finding names the policy", () => {
  const asked = questionOf(
    create(AttributeContextSchema, {
      request: {
        http: {
          headerMap: {
            headers: [
              { key: "X-A", value: "1" },
              { key: "x-a", rawValue: Buffer.from("2") },
            ],
          },
        },
      },
      metadataContext: {
        filterMetadata: {
          "envoy.filters.http.rbac": {
            "istio-ext-authz-shadow_effective_policy_id": "istio-ext-authz-ns[shop]-policy[p.q]-rule[0]",
          },
        },
      },
    }),
  );
  assert.deepEqual(asked.headers, { "x-a": "1,2" });
  assert.equal(asked.policy, "shop/p.q");
});

test("an empty question is still one", () => {
  assert.equal(questionOf(undefined).path, "");
});
