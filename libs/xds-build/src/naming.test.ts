import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type * as ir from "@lateen/ir";
import {
  clusterName,
  listenerName,
  parseClusterName,
  parseListenerName,
  parseRouteTableName,
  parseSecretName,
  parseSniName,
  routeTableName,
  secretName,
  sniName,
} from "./naming.ts";

const host = fc.oneof(
  fc.domain(),
  fc.domain().map((domain) => `*.${domain}`),
);
const port = fc.integer({ min: 1, max: 65_535 });
const label = fc.stringMatching(/^[a-z]([a-z0-9-]{0,10}[a-z0-9])?$/);
const bind = fc.constantFrom("0.0.0.0", "10.1.2.3", "::", "fd00::1");
const subset = fc.oneof(fc.constant(""), label);
const outbound: fc.Arbitrary<ir.OutboundClusterRef> = fc.record({
  kind: fc.constant("outbound" as const),
  host,
  port,
  subset,
});

function roundTrips<Ref extends object>(
  refs: fc.Arbitrary<Ref>,
  print: (ref: Ref) => string,
  parse: (name: string) => Ref | undefined,
): void {
  fc.assert(fc.property(refs, (ref) => assert.deepEqual({ ...parse(print(ref)) }, { ...ref })));
}

test("a cluster name parses back to its reference", () => {
  const refs: fc.Arbitrary<ir.ClusterRef> = fc.oneof(
    outbound,
    outbound.map((ref) => ({ ...ref, kind: "sni" as const })),
    fc.record({ kind: fc.constant("inbound" as const), port }),
    fc.record({ kind: fc.constantFrom("black-hole" as const, "passthrough" as const, "inbound-passthrough" as const) }),
  );
  roundTrips(refs, clusterName, parseClusterName);
});

test("a server name parses back to its cluster", () => {
  roundTrips(outbound, sniName, parseSniName);
});

test("a listener name parses back to its reference", () => {
  const refs: fc.Arbitrary<ir.ListenerRef> = fc.oneof(
    fc.record({ kind: fc.constantFrom("virtual-outbound" as const, "virtual-inbound" as const) }),
    fc.record({ kind: fc.constant("address" as const), bind, port }),
  );
  roundTrips(refs, listenerName, parseListenerName);
});

test("a route table name parses back to its reference", () => {
  const binds = fc.oneof(
    fc.constant(""),
    bind.filter((address) => !address.includes(":")),
  );
  const refs: fc.Arbitrary<ir.RouteTableRef> = fc.oneof(
    fc.record({ kind: fc.constant("port" as const), port }),
    fc.record({ kind: fc.constant("service" as const), host, port }),
    fc.record({ kind: fc.constant("gateway-http" as const), port, bind: binds }),
    fc.record({
      kind: fc.constant("gateway-https" as const),
      port,
      portName: label,
      gateway: label,
      namespace: label,
      bind: binds,
    }),
    fc.record({ kind: fc.constant("inbound" as const), port: fc.oneof(fc.constant(0), port) }),
  );
  roundTrips(refs, routeTableName, parseRouteTableName);
});

test("a secret's name says whose it is and which part", () => {
  fc.assert(
    fc.property(label, label, fc.boolean(), (namespace, base, ca) => {
      const name = base.endsWith("-cacert") ? "tls" : base;
      const written = ca ? `${name}-cacert` : name;
      assert.deepEqual(parseSecretName(secretName(written), namespace), { namespace, name, ca });
      assert.deepEqual(parseSecretName(secretName(`${namespace}/${written}`), "elsewhere"), { namespace, name, ca });
    }),
  );
  assert.equal(parseSecretName("default", "shop"), undefined);
});

test("names that are not ours do not parse", () => {
  for (const name of [
    "",
    "xds-grpc",
    "outbound|x|v1|a",
    "outbound|80|v1",
    "inbound|80|v1|",
    "outbound|80||a|b",
    "outbound|080||a",
  ]) {
    assert.equal(parseClusterName(name), undefined, name);
  }
});

test("names are Istio's, byte for byte", () => {
  const reviews = { kind: "outbound", host: "reviews.shop.svc.cluster.local", port: 9080, subset: "v1" } as const;
  assert.equal(clusterName(reviews), "outbound|9080|v1|reviews.shop.svc.cluster.local");
  assert.equal(sniName(reviews), "outbound_.9080_.v1_.reviews.shop.svc.cluster.local");
  assert.equal(clusterName({ kind: "inbound", port: 8080 }), "inbound|8080||");
  assert.equal(listenerName({ kind: "address", bind: "0.0.0.0", port: 80 }), "0.0.0.0_80");
  assert.equal(routeTableName({ kind: "gateway-http", port: 80, bind: "" }), "http.80");
  assert.equal(
    routeTableName({
      kind: "gateway-https",
      port: 443,
      portName: "https",
      gateway: "edge",
      namespace: "shop",
      bind: "",
    }),
    "https.443.https.edge.shop",
  );
  assert.equal(routeTableName({ kind: "service", host: "a.b", port: 90 }), "a.b:90");
  assert.equal(secretName("shop-cert"), "kubernetes://shop-cert");
});
