import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { askOwn, envoyFilter, luaOnResponse, onOwnPort, ownHost, ownService } from "./envoy-filter.ts";
import { extension, marking, moduleOf, outOnOwnPort, trafficExtension, wasmPlugin } from "./extensions.ts";
import type { Feature, FeatureContext } from "./feature.ts";
import { ownProxy, through } from "./own-proxy.ts";
import { attachedRow } from "./target-refs.ts";

const kind = "TrafficExtension";

function moduleFile(row: FeatureContext): string {
  return join(tmpdir(), `${row.slug}-${process.pid}.wasm`);
}

/** Envoy reads it when it is configured. */
function written(row: FeatureContext): string {
  writeFileSync(moduleFile(row), moduleOf(row));
  return `file://${moduleFile(row)}`;
}

export const trafficExtensionRows: readonly Feature[] = [
  attachedRow(kind, "targetRefs", (row, attachment, value) =>
    trafficExtension(row, { ...attachment, lua: marking(value) }, value),
  ),
  {
    name: "Lua runs on calls out to a port, and on no other",
    fields: [`${kind}.lua.inlineCode`, `${kind}.match.mode`, `${kind}.match.ports.number`],
    manifests: (row) => [
      ...ownService(row),
      trafficExtension(row, { match: [outOnOwnPort(row)], lua: marking("lua") }),
    ],
    check: async (row) => {
      assert.equal((await askOwn(row)).headers["x-row"], "lua");
      assert.equal((await row.ask()).headers["x-row"], undefined);
    },
  },
  {
    name: "phases and priorities decide the order of extensions",
    fields: [`${kind}.phase`, `${kind}.priority`],
    service: false,
    manifests: (row) => {
      const match = [outOnOwnPort(row)];
      return [
        ...ownService(row),
        trafficExtension(row, { match, phase: "STATS", lua: marking("stats") }, "a"),
        trafficExtension(row, { match, phase: "AUTHN", lua: marking("low") }, "b"),
        trafficExtension(row, { match, phase: "AUTHN", priority: 10, lua: marking("high") }, "c"),
        trafficExtension(row, { match, lua: marking("last") }, "d"),
      ];
    },
    // A response passes the filters backwards.
    check: async (row) => assert.equal((await askOwn(row)).headers["x-row"], "last, stats, low, high"),
  },
  {
    name: "a selector picks the workloads of an extension",
    fields: [`${kind}.selector.matchLabels`],
    service: false,
    manifests: (row) => [
      ...ownService(row),
      trafficExtension(row, { selector: { matchLabels: { row: row.slug } }, lua: marking("picked") }),
    ],
    check: async (row) => {
      await using proxy = await ownProxy(row);
      const asked = { port: row.ports(0), host: ownHost(row) };
      await row.eventually(async () => (await through(row, proxy, asked)).headers["x-row"] === "picked");
      assert.equal((await askOwn(row)).headers["x-row"], undefined);
    },
  },
  {
    name: "an extension of the root namespace is for the mesh",
    fields: [`${kind}.match`],
    service: false,
    manifests: (row) => [
      ...ownService(row),
      extension(kind, row.named("root", "istio-system"), { match: [outOnOwnPort(row)], lua: marking("root") }),
    ],
    check: async (row) => assert.equal((await askOwn(row)).headers["x-row"], "root"),
  },
  {
    name: "an extension for servers leaves calls out alone",
    fields: [`${kind}.match.mode`],
    service: false,
    manifests: (row) => [
      ...ownService(row),
      trafficExtension(row, {
        match: [{ mode: "SERVER", ports: [{ number: row.ports(0) }] }],
        lua: marking("server"),
      }),
    ],
    check: async (row) => {
      const { status, headers } = await askOwn(row);
      assert.deepEqual([status, headers["x-row"]], [200, undefined]);
    },
  },
  {
    name: "a gateway runs an extension as a client",
    fields: [`${kind}.match.mode`],
    manifests: (row) => {
      const code = `function envoy_on_request(handle)
        if handle:headers():get(":authority") == "${row.publicHost}" then handle:respond({[":status"] = "418"}, "") end
      end`;
      return [
        row.virtualService({ hosts: [row.publicHost], gateways: ["edge"], http: [{ route: [row.to()] }] }),
        trafficExtension(row, {
          selector: { matchLabels: { istio: "edge" } },
          match: [{ mode: "CLIENT" }],
          lua: { inlineCode: code },
        }),
      ];
    },
    check: async (row) => assert.equal((await row.askGateway()).status, 418),
  },
  {
    name: "a Wasm module is run from a file beside the proxy",
    fields: [`${kind}.wasm.url`, `${kind}.wasm.type`],
    service: false,
    manifests: (row) => [
      ...ownService(row),
      trafficExtension(row, { match: [outOnOwnPort(row)], wasm: { url: written(row), type: "HTTP" } }),
    ],
    check: async (row) => {
      try {
        assert.equal((await askOwn(row)).headers["x-row"], row.slug);
      } finally {
        rmSync(moduleFile(row));
      }
    },
  },
  {
    name: "a module that nobody can fetch closes the door",
    fields: [`${kind}.wasm.failStrategy`],
    service: false,
    manifests: (row) => [
      ...ownService(row),
      trafficExtension(row, { match: [outOnOwnPort(row)], wasm: { url: "https://modules.example.com/a.wasm" } }),
    ],
    check: async (row) => {
      assert.equal((await askOwn(row)).status, 403);
      assert.match(await row.findings(), /no agent beside the proxy to fetch the module/);
    },
  },
  {
    name: "a module that may fail open is left out where nobody can fetch it",
    fields: ["WasmPlugin.failStrategy", "WasmPlugin.url", "WasmPlugin.match.ports.number", "WasmPlugin.match.mode"],
    service: false,
    manifests: (row) => [
      ...ownService(row),
      wasmPlugin(row, {
        match: [outOnOwnPort(row)],
        url: "https://modules.example.com/a.wasm",
        failStrategy: "FAIL_OPEN",
      }),
    ],
    check: async (row) => {
      assert.equal((await askOwn(row)).status, 200);
      assert.match(await row.findings(), /it is left out/);
    },
  },
  {
    name: "an EnvoyFilter configures an extension and places it",
    fields: ["EnvoyFilter.configPatches.applyTo"],
    service: false,
    manifests: (row) => {
      const { typed_config } = luaOnResponse("", 'handle:headers():add("x-row", "discovered")') as {
        typed_config: object;
      };
      const config_discovery = {
        config_source: { ads: {}, resource_api_version: "V3" },
        type_urls: ["type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua"],
      };
      return [
        ...ownService(row),
        envoyFilter(row, [
          { applyTo: "EXTENSION_CONFIG", patch: { operation: "ADD", value: { name: row.slug, typed_config } } },
          onOwnPort(row, { operation: "INSERT_FIRST", value: { name: row.slug, config_discovery } }),
          onOwnPort(row, { operation: "INSERT_FIRST", value: { name: "nobody-configures-this", config_discovery } }),
        ]),
      ];
    },
    check: async (row) => {
      assert.equal((await askOwn(row)).headers["x-row"], "discovered");
      assert.match(await row.findings(), /configPatches\[2\] is left out: filter nobody-configures-this would wait/);
    },
  },
];
