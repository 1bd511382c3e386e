import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeMeshNetworksMap } from "../mesh-config-map.ts";
import { decodeSpec, summary } from "../testing/decode-text.ts";
import type { SpecCase } from "../testing/decode-text.ts";

const cases: readonly SpecCase[] = [
  [
    "two networks",
    "networks: {east: {endpoints: [{fromCidr: 10.0.0.0/16}, {fromRegistry: cluster-1}], gateways: [{address: 192.0.2.1, port: 15443, locality: eu}]}, west: {endpoints: [{fromCidr: 10.1.0.0/16}], gateways: [{registryServiceName: gateway.istio-system.svc.cluster.local, port: 15443}]}}",
  ],
  ["no networks", "networks: {}"],
  [
    "nothing said",
    "networks: {east: {endpoints: [{}], gateways: [{}]}}",
    "spec.networks.east.endpoints[0] required",
    "spec.networks.east.gateways[0] required",
    "spec.networks.east.gateways[0].port port",
  ],
  [
    "one address in two networks",
    "networks: {east: {endpoints: [{fromCidr: 10.0.0.0/8}]}, west: {endpoints: [{fromCidr: 10.1.0.0/16}, {fromCidr: 10.1/3}]}}",
    "spec.networks.west.endpoints[0].fromCidr overlap",
    "spec.networks.west.endpoints[1].fromCidr address",
  ],
  [
    "one registry in two networks",
    "networks: {east: {endpoints: [{fromRegistry: a}]}, west: {endpoints: [{fromRegistry: a}]}}",
    "spec.networks.west.endpoints[0].fromRegistry duplicate",
  ],
];

for (const [name, spec, ...said] of cases) {
  test(`${name}${said.length === 0 ? " is good" : ""}`, () => {
    const result = decodeSpec("MeshNetworks", spec);
    assert.deepEqual(summary(result).sort(), [...said].sort());
    assert.equal(result.ok, said.length === 0);
  });
}

test("networks come from a key of the mesh's ConfigMap", () => {
  const decode = (meshNetworks: string | undefined) =>
    decodeMeshNetworksMap(
      { metadata: { name: "istio", namespace: "istio-system" }, data: { meshNetworks } },
      { origin: { kind: "ConfigMap", namespace: "istio-system", name: "istio" } },
    );
  assert.equal(decode(undefined), undefined);
  assert.equal(decode(" "), undefined);
  assert.ok(decode("networks: {}")?.ok);
  const wrong = decode("networks: {a: {endpoints: [{fromCidr: x}]}}");
  assert.ok(wrong?.ok === false);
  assert.deepEqual(
    wrong.violations.map(({ object, path }) => `${object.kind} ${path}`),
    ["MeshNetworks spec.networks.a.endpoints[0].fromCidr"],
  );
});
