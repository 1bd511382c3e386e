import assert from "node:assert/strict";
import test from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from "@lateen/protos/envoy/service/discovery/v3/discovery_pb.js";
import { NodeSchema } from "@lateen/protos/envoy/config/core/v3/base_pb.js";
import { joinedMessage } from "@lateen/rpc";
import { resource, resourceMap } from "../testing/resources.ts";
import { clusterType } from "../type-urls.ts";
import { InvalidRequest, decodeDeltaRequest, decodeSotwRequest } from "./request.ts";
import { RequestCache } from "./request-cache.ts";
import { ResponseEncoder } from "./response.ts";

const head = { typeUrl: clusterType, nonce: "n-1", version: "42" };

test("a state-of-the-world response decodes to the resources it was made of", () => {
  const resources = resourceMap(clusterType, { a: "1", "b|é": "2" });
  const decoded = fromBinary(DiscoveryResponseSchema, joinedMessage(new ResponseEncoder().sotw(head, resources)));
  assert.deepEqual([decoded.versionInfo, decoded.typeUrl, decoded.nonce], ["42", clusterType, "n-1"]);
  assert.deepEqual(
    decoded.resources.map(({ typeUrl, value }) => [typeUrl, Buffer.from(value).toString()]),
    [
      [clusterType, "a@1"],
      [clusterType, "b|é@2"],
    ],
  );
  assert.equal(decoded.$unknown, undefined);
});

test("a delta response decodes to the resources and removals it was made of", () => {
  const decoded = fromBinary(
    DeltaDiscoveryResponseSchema,
    joinedMessage(new ResponseEncoder().delta(head, [resource(clusterType, "a", "1")], ["x", "y"])),
  );
  assert.deepEqual([decoded.systemVersionInfo, decoded.typeUrl, decoded.nonce], ["42", clusterType, "n-1"]);
  assert.deepEqual(
    decoded.resources.map(({ name, version, resource: any }) => [
      name,
      version,
      any?.typeUrl,
      Buffer.from(any?.value ?? []).toString(),
    ]),
    [["a", "1", clusterType, "a@1"]],
  );
  assert.deepEqual(decoded.removedResources, ["x", "y"]);
  assert.equal(decoded.$unknown, undefined);
});

test("what many get is joined once, and is the same bytes as before", () => {
  const encoder = new ResponseEncoder({ bodyBytes: 100 });
  const bodies = Array.from({ length: 5 }, (_, n) => [resource(clusterType, `cluster-${n}`, "1")]);
  const first = bodies.map((changed) => joinedMessage(encoder.delta(head, changed, ["x"])));
  for (let round = 0; round < 4; round++)
    for (const [n, changed] of bodies.entries())
      assert.deepEqual(joinedMessage(encoder.delta(head, changed, ["x"])), first[n]);
});

test("requests of equal bytes share all but the node; others do not", () => {
  const cache = new RequestCache(2);
  const names = Array.from({ length: 100 }, (_, n) => `outbound|80||service-${n}.shop.svc.cluster.local`);
  const request = (id: string, list: readonly string[]): Buffer =>
    Buffer.from(
      toBinary(
        DeltaDiscoveryRequestSchema,
        create(DeltaDiscoveryRequestSchema, { node: { id }, typeUrl: clusterType, resourceNamesSubscribe: [...list] }),
      ),
    );
  const [one, two, other] = [request("a", names), request("b", names), request("a", names.toReversed())].map((bytes) =>
    cache.decode(bytes),
  );
  assert.equal(one?.subscribe, two?.subscribe);
  assert.notDeepEqual(one?.node, two?.node);
  assert.deepEqual(other?.subscribe, names.toReversed());
  for (const list of [names.slice(1), names.slice(2), names.slice(3), names])
    assert.deepEqual(cache.decode(request("c", list)), decodeDeltaRequest(request("c", list)));
});

test("empty responses are valid", () => {
  const encoder = new ResponseEncoder();
  assert.equal(fromBinary(DiscoveryResponseSchema, joinedMessage(encoder.sotw(head, []))).resources.length, 0);
  assert.equal(
    fromBinary(DeltaDiscoveryResponseSchema, joinedMessage(encoder.delta(head, [], []))).resources.length,
    0,
  );
});

test("requests are read as protobuf reads them, the node left encoded", () => {
  const node = create(NodeSchema, { id: "sidecar~10.0.0.1~a.b~c" });
  const sotw = decodeSotwRequest(
    toBinary(
      DiscoveryRequestSchema,
      create(DiscoveryRequestSchema, {
        node,
        typeUrl: clusterType,
        resourceNames: ["a", "b"],
        versionInfo: "7",
        responseNonce: "n",
        errorDetail: { code: 13, message: "bad" },
      }),
    ),
  );
  assert.deepEqual(
    { ...sotw, node: fromBinary(NodeSchema, sotw.node ?? new Uint8Array()).id },
    { typeUrl: clusterType, names: ["a", "b"], versionInfo: "7", nonce: "n", error: "bad", node: node.id },
  );
  const delta = decodeDeltaRequest(
    toBinary(
      DeltaDiscoveryRequestSchema,
      create(DeltaDiscoveryRequestSchema, {
        typeUrl: clusterType,
        resourceNamesSubscribe: ["a"],
        resourceNamesUnsubscribe: ["b"],
        initialResourceVersions: { c: "1", d: "" },
        responseNonce: "n",
      }),
    ),
  );
  assert.deepEqual(delta, {
    typeUrl: clusterType,
    subscribe: ["a"],
    unsubscribe: ["b"],
    initialVersions: new Map([
      ["c", "1"],
      ["d", ""],
    ]),
    nonce: "n",
    error: undefined,
    node: undefined,
  });
});

test("an error without a message is still an error", () => {
  const bytes = toBinary(
    DiscoveryRequestSchema,
    create(DiscoveryRequestSchema, { typeUrl: clusterType, errorDetail: { code: 3 } }),
  );
  assert.equal(decodeSotwRequest(bytes).error, "status code 3");
});

test("what cannot be served is refused by name", () => {
  const bytes = toBinary(
    DiscoveryRequestSchema,
    create(DiscoveryRequestSchema, { typeUrl: clusterType, resourceLocators: [{ name: "x" }] }),
  );
  assert.throws(
    () => decodeSotwRequest(bytes),
    (error) => error instanceof InvalidRequest && /resource_locators/.test(error.message),
  );
  assert.throws(() => decodeDeltaRequest(Buffer.from([0xff, 0xff, 0xff])), InvalidRequest);
  assert.throws(() => decodeDeltaRequest(Buffer.alloc(0)), /type_url is empty/);
});
