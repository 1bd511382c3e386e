import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { anyPack, anyUnpack } from "@bufbuild/protobuf/wkt";
import { TypedExtensionConfigSchema } from "@lateen/protos/envoy/config/core/v3/extension_pb.js";
import { WasmSchema } from "@lateen/protos/envoy/extensions/filters/http/wasm/v3/wasm_pb.js";
import { FailurePolicy } from "@lateen/protos/envoy/extensions/wasm/v3/wasm_pb.js";
import {
  DeltaDiscoveryResponseSchema,
  DiscoveryResponseSchema,
} from "@lateen/protos/envoy/service/discovery/v3/discovery_pb.js";
import { silentLogger } from "@lateen/runtime";
import { MissingModules } from "./missing-modules.ts";
import { ModuleStore } from "./module-store.ts";
import { withLocalModules } from "./rewrite.ts";

const module = Buffer.from([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
const sha256 = createHash("sha256").update(module).digest("hex");
const logger = silentLogger();
let asked = 0;
let lateUntil = Number.POSITIVE_INFINITY;
const server = createServer((request, response) => {
  asked += 1;
  if (request.url === "/late" && Date.now() < lateUntil) response.writeHead(404).end();
  else if (request.url === "/missing") response.writeHead(404).end();
  else response.end(request.url === "/page" ? "<html>" : module);
});
let directory = "";
let origin = "";

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "modules-"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(async () => {
  server.close();
  await rm(directory, { recursive: true });
});

const pullSecret = (name: string): Promise<string> => Promise.reject(new Error(`${name} is nobody's`));

function store(): ModuleStore {
  return new ModuleStore({ directory, logger, retryMs: 1 });
}

function modulesOf() {
  const again = (): void => undefined;
  return { store: store(), logger, pullSecret, good: new Map(), missing: new MissingModules(1), delta: false, again };
}

const wanted = { sha256: "", generation: "1" };

test("a module is fetched once and kept as a file", async () => {
  const modules = store();
  const before = asked;
  const [one, two] = await Promise.all([1, 2].map(() => modules.file({ ...wanted, url: `${origin}/a` })));
  assert.equal(one, two);
  assert.deepEqual(await readFile(one ?? ""), module);
  assert.equal(asked, before + 1);
  assert.equal(await store().file({ ...wanted, url: `${origin}/a`, sha256 }), one, "known by its digest alone");
  assert.equal(asked, before + 1);
});

test("one that is to be fetched always is fetched again for each generation of its object", async () => {
  const modules = store();
  const before = asked;
  for (const generation of ["1", "1", "2"])
    await modules.file({ ...wanted, url: `${origin}/b`, refetch: true, generation });
  assert.equal(asked, before + 2);
});

test("what is not the module, or no module, is refused", async () => {
  const modules = store();
  await assert.rejects(modules.file({ ...wanted, url: `${origin}/a`, sha256: "0".repeat(64) }), /should be 0000/);
  await assert.rejects(modules.file({ ...wanted, url: `${origin}/page` }), /not a WebAssembly module/);
  await assert.rejects(modules.file({ ...wanted, url: `${origin}/missing` }), /answers 404/);
});

function extension(url: string, failurePolicy: FailurePolicy) {
  const keyValues = { MODE: "fast", ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION: "1" };
  const code = { specifier: { case: "remote" as const, value: { httpUri: { uri: url }, sha256: "" } } };
  const vm = { case: "vmConfig" as const, value: { code, environmentVariables: { keyValues } } };
  const typedConfig = anyPack(WasmSchema, create(WasmSchema, { config: { failurePolicy, vm } }));
  return anyPack(TypedExtensionConfigSchema, create(TypedExtensionConfigSchema, { name: "shop.a", typedConfig }));
}

for (const delta of [true, false]) {
  test(`a file stands in for the URL, ${delta ? "delta" : "state of the world"}`, async () => {
    const resource = extension(`${origin}/a`, FailurePolicy.FAIL_CLOSED);
    const response = delta
      ? toBinary(
          DeltaDiscoveryResponseSchema,
          create(DeltaDiscoveryResponseSchema, { nonce: "n", resources: [{ name: "shop.a", version: "7", resource }] }),
        )
      : toBinary(DiscoveryResponseSchema, create(DiscoveryResponseSchema, { nonce: "n", resources: [resource] }));
    const rewritten = await withLocalModules(response, { ...modulesOf(), delta });
    const changed = delta
      ? fromBinary(DeltaDiscoveryResponseSchema, rewritten).resources[0]?.resource
      : fromBinary(DiscoveryResponseSchema, rewritten).resources[0];
    const config = changed && anyUnpack(changed, TypedExtensionConfigSchema)?.typedConfig;
    const vm = config && anyUnpack(config, WasmSchema)?.config?.vm.value;
    assert.equal(vm?.code?.specifier.case, "local");
    assert.deepEqual(vm?.environmentVariables?.keyValues, { MODE: "fast" });
  });
}

const outcomes = [
  ["nothing passes without it", FailurePolicy.FAIL_CLOSED, true],
  ["traffic passes without it", FailurePolicy.FAIL_OPEN, false],
] as const;
for (const [name, policy, closed] of outcomes) {
  test(`of a module that cannot be had ${name}`, async () => {
    const message = create(DiscoveryResponseSchema, { resources: [extension(`${origin}/missing`, policy)] });
    const rewritten = await withLocalModules(toBinary(DiscoveryResponseSchema, message), modulesOf());
    const text = Buffer.from(rewritten).toString("latin1");
    assert.match(text, /envoy\.extensions\.filters\.http\.rbac\.v3\.RBAC/);
    const [resource] = fromBinary(DiscoveryResponseSchema, rewritten).resources;
    const config = resource && anyUnpack(resource, TypedExtensionConfigSchema)?.typedConfig;
    assert.equal((config?.value.length ?? 0) > 0, closed, "rules that allow nothing, or no rules");
  });
}

test("an extension whose new module cannot be had stays as it was, until it is removed", async () => {
  const modules = { ...modulesOf(), delta: true };
  const answered = async (path: string, removedResources: string[] = []) => {
    const resource = extension(`${origin}${path}`, FailurePolicy.FAIL_CLOSED);
    const resources = [{ name: "shop.a", version: path, resource }];
    const message = create(DeltaDiscoveryResponseSchema, { resources, removedResources });
    const bytes = await withLocalModules(toBinary(DeltaDiscoveryResponseSchema, message), modules);
    return fromBinary(DeltaDiscoveryResponseSchema, bytes).resources[0]?.resource?.value;
  };
  const good = await answered("/a");
  assert.deepEqual(await answered("/missing"), good);
  assert.notDeepEqual(await answered("/missing", ["shop.a"]), good);
});

test("a module that comes late is asked for until it is there; then Envoy is to ask again", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const modules = { ...modulesOf(), delta: true, again: resolve };
  const resources = [
    { name: "shop.a", version: "7", resource: extension(`${origin}/late`, FailurePolicy.FAIL_CLOSED) },
  ];
  const message = toBinary(DeltaDiscoveryResponseSchema, create(DeltaDiscoveryResponseSchema, { resources }));
  const first = fromBinary(DeltaDiscoveryResponseSchema, await withLocalModules(message, modules));
  assert.equal(first.resources[0]?.version, "7 without its module");
  lateUntil = 0;
  await promise;
  const second = fromBinary(DeltaDiscoveryResponseSchema, await withLocalModules(message, modules));
  assert.equal(second.resources[0]?.version, "7");
});
