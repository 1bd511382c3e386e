import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type * as ir from "@lateen/ir";
import { clusterName, listenerName, parseClusterName, parseListenerName, routeTableName } from "./naming.ts";

const host = fc.domain();
const port = fc.integer({ min: 1, max: 65_535 });

test("a cluster name parses back to its reference", () => {
  const refs: fc.Arbitrary<ir.ClusterRef> = fc.oneof(
    fc.record({ kind: fc.constant("outbound" as const), host, port, subset: fc.constantFrom("", "v1", "canary-2") }),
    fc.record({ kind: fc.constant("inbound" as const), port }),
    fc.record({ kind: fc.constantFrom("black-hole" as const, "passthrough" as const, "inbound-passthrough" as const) }),
  );
  fc.assert(fc.property(refs, (ref) => assert.deepEqual(parseClusterName(clusterName(ref)), { ...ref })));
});

test("a listener name parses back to its reference", () => {
  const refs: fc.Arbitrary<ir.ListenerRef> = fc.oneof(
    fc.record({ kind: fc.constantFrom("virtual-outbound" as const, "virtual-inbound" as const) }),
    fc.record({
      kind: fc.constant("address" as const),
      bind: fc.constantFrom("0.0.0.0", "10.1.2.3", "::", "fd00::1"),
      port,
    }),
  );
  fc.assert(fc.property(refs, (ref) => assert.deepEqual(parseListenerName(listenerName(ref)), { ...ref })));
});

test("names that are not ours do not parse", () => {
  for (const name of ["", "xds-grpc", "outbound|x|v1|a", "outbound|80|v1", "inbound|80|v1|", "outbound|80||a|b"])
    assert.equal(parseClusterName(name), undefined, name);
});

test("names are Istio's, byte for byte", () => {
  const reviews = { kind: "outbound", host: "reviews.shop.svc.cluster.local", port: 9080, subset: "v1" } as const;
  assert.equal(clusterName(reviews), "outbound|9080|v1|reviews.shop.svc.cluster.local");
  assert.equal(clusterName({ kind: "inbound", port: 8080 }), "inbound|8080||");
  assert.equal(listenerName({ kind: "address", bind: "0.0.0.0", port: 80 }), "0.0.0.0_80");
  assert.equal(routeTableName({ kind: "gateway-http", port: 80, bind: "" }), "http.80");
  const https = {
    kind: "gateway-https",
    port: 443,
    portName: "https",
    gateway: "edge",
    namespace: "shop",
    bind: "",
  } as const;
  assert.equal(routeTableName(https), "https.443.https.edge.shop");
  assert.equal(routeTableName({ kind: "service", host: "a.b", port: 90 }), "a.b:90");
});
