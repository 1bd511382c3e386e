import assert from "node:assert/strict";
import { test } from "node:test";
import { messageTypes } from "./types.ts";

const known = [
  "envoy.extensions.filters.http.lua.v3.Lua",
  "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
  "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
  "envoy.extensions.filters.http.wasm.v3.Wasm",
  "envoy.extensions.filters.http.compressor.v3.Compressor",
  "envoy.extensions.compression.gzip.compressor.v3.Gzip",
  "envoy.extensions.filters.http.lua.v3.LuaPerRoute",
  "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.UpgradeConfig",
  "udpa.type.v1.TypedStruct",
  "xds.type.v3.TypedStruct",
  "google.protobuf.StringValue",
];
for (const name of known) {
  test(`${name} is known`, () => assert.equal(messageTypes.getMessage(name)?.typeName, name));
}

test("what is not there is undefined", () => {
  for (const name of ["", "envoy", "envoy.config.listener.v3.Listened", "google.protobuf.Nothing"])
    assert.equal(messageTypes.getMessage(name), undefined, name);
});

test("every type of the extensions can be had", () => {
  const names = messageTypes.namesBelow("envoy.extensions");
  assert.ok(names.length > 600, String(names.length));
  for (const name of names) assert.equal(messageTypes.getMessage(name)?.typeName, name);
});
