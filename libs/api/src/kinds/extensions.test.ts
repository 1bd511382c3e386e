import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decodeSpec, summary } from "../testing/decode-text.ts";
import type { SpecCase } from "../testing/decode-text.ts";

const digest = "a".repeat(64);
const cases = {
  WasmPlugin: [
    [
      "a module on the network",
      `url: https://a.example/b.wasm\nsha256: ${digest}\nphase: AUTHN\npriority: 3\nmatch: [{mode: CLIENT, ports: [{number: 80}]}]`,
    ],
    ["a module in a file", "url: file:///etc/a.wasm"],
    ["no url", "{}", "spec.url required"],
    ["an image", "url: oci://registry.example:5000/team/a:1\nimagePullPolicy: Always"],
    ["an image without a scheme", "url: registry.example:5000/a:1"],
    ["an image of Docker Hub", "url: a"],
    ["an image by its digest", `url: oci://registry.example/a@sha256:${digest}\nsha256: ${digest}`],
    [
      "two digests",
      `url: oci://registry.example/a:1@sha256:${digest}\nsha256: ${"b".repeat(64)}`,
      "spec.sha256 conflict",
    ],
    ["no image", "url: oci://registry.example/A:1", "spec.url url"],
    ["a digest that is short", "url: oci://registry.example/a@sha256:abc", "spec.url url"],
    ["another scheme", "url: ftp://a.example/b", "spec.url url"],
    ["a file that is not absolute", "url: file://a.wasm", "spec.url url"],
    ["a digest that is none", "url: file:///a.wasm\nsha256: ABC", "spec.sha256 digest"],
    ["a signature", "url: file:///a.wasm\nverificationKey: x", "warning spec.verificationKey not-built"],
    ["a pull secret", "url: registry.example/a:1\nimagePullSecret: registry-login"],
    ["a pull secret of a file's", "url: file:///a.wasm\nimagePullSecret: x", "warning spec.imagePullSecret no-effect"],
    ["another's pull secret", "url: registry.example/a:1\nimagePullSecret: bank/x", "spec.imagePullSecret name"],
    [
      "a kind that is nowhere",
      "url: file:///a.wasm\ntargetRefs: [{kind: Gateway, name: a}]",
      "spec.targetRefs[0].kind kind",
    ],
    [
      "a class of Gateways",
      "url: file:///a.wasm\ntargetRefs: [{group: gateway.networking.k8s.io, kind: GatewayClass, name: istio-waypoint}]",
      "spec.targetRefs[0] not-built",
    ],
    [
      "a port that is none",
      "url: file:///a.wasm\nmatch: [{ports: [{number: 0}]}]",
      "spec.match[0].ports[0].number port",
    ],
    [
      "variables that contradict themselves",
      "url: file:///a.wasm\nvmConfig: {env: [{name: A, valueFrom: HOST, value: b}, {name: A, value: c}, {value: d}]}",
      "spec.vmConfig.env[0].value conflict",
      "spec.vmConfig.env[2].name required",
      "spec.vmConfig.env[1].name duplicate",
    ],
  ],
  TrafficExtension: [
    ["Lua", "lua: {inlineCode: 'function envoy_on_request(handle) end'}"],
    ["Wasm", "wasm: {url: https://a.example/b.wasm}\nphase: STATS"],
    ["neither", "{}", "spec required"],
    ["both", "lua: {inlineCode: envoy_on_request}\nwasm: {url: file:///a.wasm}", "spec.wasm oneof-conflict"],
    ["no code", "lua: {inlineCode: ''}", "spec.lua.inlineCode required"],
    ["code that is never called", "lua: {inlineCode: 'local a = 1'}", "warning spec.lua.inlineCode no-effect"],
    ["a module without a place", "wasm: {}", "spec.wasm.url required"],
  ],
} as const satisfies Record<string, readonly SpecCase[]>;

for (const [kind, specs] of Object.entries(cases)) {
  describe(kind, () => {
    for (const [name, spec, ...said] of specs as readonly SpecCase[])
      test(name, () => assert.deepEqual(summary(decodeSpec(kind, spec)), said));
  });
}
