import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import {
  AuthorizationPolicy_Action,
  AuthorizationPolicySchema,
} from "@lateen/protos/security/v1beta1/authorization_policy_pb.js";
import { peerOf } from "../mirror/peer.ts";
import { type CustomPolicy, customPolicyOf, requireHeaderAnnotation } from "./custom-policy.ts";
import { evaluate, type PolicyWorld } from "./evaluate.ts";
import type { Question } from "./question.ts";

interface Given {
  readonly namespace?: string;
  readonly require?: string;
  readonly selector?: Record<string, string>;
  readonly paths?: string[];
  readonly from?: string;
}

function policy(name: string, given: Given = {}): CustomPolicy {
  const annotations = given.require === undefined ? {} : { [requireHeaderAnnotation]: given.require };
  const spec = create(AuthorizationPolicySchema, {
    action: AuthorizationPolicy_Action.CUSTOM,
    actionDetail: { case: "provider", value: { name: "lateen-policy" } },
    rules: [
      {
        from: given.from === undefined ? [] : [{ source: { namespaces: [given.from] } }],
        to: given.paths === undefined ? [] : [{ operation: { paths: given.paths } }],
      },
    ],
    ...(given.selector === undefined ? {} : { selector: { matchLabels: given.selector } }),
  });
  const made = customPolicyOf({ namespace: given.namespace ?? "shop", name, annotations }, spec);
  assert.ok(made);
  return made;
}

const cart = peerOf({ workload: "cart", namespace: "shop", cluster: "c", labels: { app: "cart" } });
const question: Question = {
  method: "GET",
  path: "/items",
  host: "cart.shop",
  headers: { "x-token": "secret" },
  sourceAddress: "10.0.0.1",
  sourcePrincipal: "spiffe://cluster.local/ns/front/sa/web",
  destinationAddress: "10.0.0.2",
  destinationPort: 8080,
};

interface Case {
  readonly name: string;
  readonly policies: readonly CustomPolicy[];
  readonly question?: Partial<Question>;
  readonly world?: Partial<PolicyWorld>;
  readonly verdict: string;
}

const cases: readonly Case[] = [
  {
    name: "the named policy's header is there",
    policies: [policy("p", { require: "X-Token" })],
    question: { policy: "shop/p" },
    verdict: "allowed",
  },
  {
    name: "the header has the wanted value",
    policies: [policy("p", { require: "x-token = secret" })],
    question: { policy: "shop/p" },
    verdict: "allowed",
  },
  {
    name: "an empty header is present",
    policies: [policy("p", { require: "x-token" })],
    question: { policy: "shop/p", headers: { "x-token": "" } },
    verdict: "allowed",
  },
  {
    name: "the header is missing",
    policies: [policy("p", { require: "x-key" })],
    question: { policy: "shop/p" },
    verdict: "denied: policy shop/p requires the header x-key",
  },
  {
    name: "the header differs, and the wanted value is not told",
    policies: [policy("p", { require: "x-token=other" })],
    question: { policy: "shop/p" },
    verdict: "denied: policy shop/p requires another value of the header x-token",
  },
  {
    name: "a policy without the annotation allows",
    policies: [policy("p")],
    question: { policy: "shop/p" },
    verdict: "allowed",
  },
  {
    name: "the named policy is not known",
    policies: [policy("p")],
    question: { policy: "shop/q" },
    verdict: "unknown_policy: the policy shop/q is not known to the policy service",
  },
  {
    name: "the named policy is not known, failing open",
    policies: [],
    question: { policy: "shop/q" },
    world: { failOpen: true },
    verdict: "unknown_policy",
  },
  {
    name: "without a name, the policies of the destination",
    policies: [policy("p", { require: "x-key" })],
    verdict: "denied: policy shop/p requires the header x-key",
  },
  {
    name: "a policy of the root namespace applies everywhere",
    policies: [policy("p", { namespace: "istio-system", require: "x-key" })],
    verdict: "denied: policy istio-system/p requires the header x-key",
  },
  {
    name: "a policy of another namespace does not",
    policies: [policy("p", { namespace: "bank" })],
    verdict: "unknown_policy: no policy is known for this request to the policy service",
  },
  {
    name: "nor one that selects other workloads",
    policies: [policy("p", { selector: { app: "web" } })],
    verdict: "unknown_policy: no policy is known for this request to the policy service",
  },
  {
    name: "of two, the one that asks about the path decides",
    policies: [
      policy("a", { paths: ["/admin*"], require: "x-key" }),
      policy("b", { paths: ["/items"], require: "x-token" }),
    ],
    verdict: "allowed",
  },
  {
    name: "of two, the one that asks about the caller decides",
    policies: [policy("a", { from: "back", require: "x-key" }), policy("b", { from: "front" })],
    verdict: "allowed",
  },
  {
    name: "both that ask must be content",
    policies: [policy("a", { require: "x-token" }), policy("b", { paths: ["*"], require: "x-key" })],
    verdict: "denied: policy shop/b requires the header x-key",
  },
  {
    name: "the destination is not known",
    policies: [policy("p")],
    world: { destination: undefined },
    verdict: "unknown_policy: no policy is known for this request to the policy service",
  },
];

for (const { name, policies, verdict, ...given } of cases) {
  test(name, () => {
    const world = {
      policies: new Map(policies.map((one) => [one.id, one])),
      rootNamespace: "istio-system",
      destination: cart,
      failOpen: false,
      ...given.world,
    };
    const actual = evaluate({ ...question, ...given.question }, world);
    assert.equal(actual.allow ? actual.result : `${actual.result}: ${actual.reason}`, verdict);
  });
}

test("policies of other providers and actions are not ours", () => {
  const meta = { namespace: "shop", name: "p", annotations: {} };
  const other = { case: "provider" as const, value: { name: "opa" } };
  assert.equal(
    customPolicyOf(
      meta,
      create(AuthorizationPolicySchema, { action: AuthorizationPolicy_Action.CUSTOM, actionDetail: other }),
    ),
    undefined,
  );
  assert.equal(
    customPolicyOf(meta, create(AuthorizationPolicySchema, { action: AuthorizationPolicy_Action.DENY })),
    undefined,
  );
});
