import assert from "node:assert/strict";
import test from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { RouteConfigurationSchema } from "@lateen/protos/envoy/config/route/v3/route_pb.js";
import { VirtualHostSchema } from "@lateen/protos/envoy/config/route/v3/route_components_pb.js";
import { splitRouteTable } from "./split-table.ts";

const host = (name: string) => create(VirtualHostSchema, { name, domains: [name, `${name}.example`] });
const table = (...names: string[]): Uint8Array =>
  toBinary(
    RouteConfigurationSchema,
    create(RouteConfigurationSchema, {
      name: "80",
      virtualHosts: names.map(host),
      ignorePortInHostMatching: true,
      requestHeadersToRemove: ["x-a", "x-b"],
    }),
  );

test("head and hosts together are the table", () => {
  const whole = fromBinary(RouteConfigurationSchema, table("a:80", "b:80"));
  const parts = splitRouteTable(table("a:80", "b:80"));
  assert.ok(parts);
  const { vhds, virtualHosts, ...head } = fromBinary(RouteConfigurationSchema, parts.head);
  assert.equal(vhds?.configSource?.configSourceSpecifier.case, "ads");
  assert.deepEqual(virtualHosts, []);
  const hosts = [...parts.hosts.values()].map((bytes) => fromBinary(VirtualHostSchema, bytes));
  assert.deepEqual({ ...head, vhds: undefined, virtualHosts: hosts }, { vhds: undefined, ...whole });
  assert.deepEqual([...parts.hosts.keys()], ["a:80", "b:80"]);
});

const wholes = {
  "without hosts, for which Envoy would wait for ever": table(),
  "with a slash in a host's name": table("a:80", "b/c"),
  "with a name twice": table("a:80", "a:80"),
  "that is split already": splitRouteTable(table("a:80"))?.head ?? new Uint8Array(),
};

for (const [what, bytes] of Object.entries(wholes)) {
  test(`a table ${what} stays whole`, () => assert.equal(splitRouteTable(bytes), undefined));
}
