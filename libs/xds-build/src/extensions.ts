import { create } from "@bufbuild/protobuf";
import { anyPack, StringValueSchema } from "@bufbuild/protobuf/wkt";
import type { Any } from "@bufbuild/protobuf/wkt";
import type * as ir from "@lateen/ir";
import { TypedExtensionConfigSchema } from "@lateen/protos/envoy/config/core/v3/extension_pb.js";
import type { TypedExtensionConfig } from "@lateen/protos/envoy/config/core/v3/extension_pb.js";
import type { ExtensionConfigSource } from "@lateen/protos/envoy/config/core/v3/config_source_pb.js";
import { ExtensionConfigSourceSchema } from "@lateen/protos/envoy/config/core/v3/config_source_pb.js";
import type { AsyncDataSource } from "@lateen/protos/envoy/config/core/v3/base_pb.js";
import { AsyncDataSourceSchema } from "@lateen/protos/envoy/config/core/v3/base_pb.js";
import { RBAC_Action } from "@lateen/protos/envoy/config/rbac/v3/rbac_pb.js";
import { LuaSchema } from "@lateen/protos/envoy/extensions/filters/http/lua/v3/lua_pb.js";
import { RBACSchema as HttpRbacSchema } from "@lateen/protos/envoy/extensions/filters/http/rbac/v3/rbac_pb.js";
import { WasmSchema as HttpWasmSchema } from "@lateen/protos/envoy/extensions/filters/http/wasm/v3/wasm_pb.js";
import { RBACSchema as NetworkRbacSchema } from "@lateen/protos/envoy/extensions/filters/network/rbac/v3/rbac_pb.js";
import { WasmSchema as NetworkWasmSchema } from "@lateen/protos/envoy/extensions/filters/network/wasm/v3/wasm_pb.js";
import { FailurePolicy, PluginConfigSchema } from "@lateen/protos/envoy/extensions/wasm/v3/wasm_pb.js";
import type { PluginConfig } from "@lateen/protos/envoy/extensions/wasm/v3/wasm_pb.js";
import { duration, overAds, typed } from "./messages.ts";
import { extensionName, secretName } from "./naming.ts";

const prefix = "type.googleapis.com/";
const lua = [`${prefix}${LuaSchema.typeName}`];
/** What stands in for a module that cannot be had is a filter that refuses or lets through: RBAC. */
const types = {
  lua: { http: lua, tcp: lua },
  wasm: {
    http: [`${prefix}${HttpWasmSchema.typeName}`, `${prefix}${HttpRbacSchema.typeName}`],
    tcp: [`${prefix}${NetworkWasmSchema.typeName}`, `${prefix}${NetworkRbacSchema.typeName}`],
  },
} as const;

/** A listener waits for it: it may be what keeps callers out. */
export function discovered({ language }: ir.PlacedExtension, layer: ir.Extension["layer"]): ExtensionConfigSource {
  return create(ExtensionConfigSourceSchema, { configSource: overAds(), typeUrls: [...types[language][layer]] });
}

export function buildExtension(extension: ir.Extension): TypedExtensionConfig {
  return create(TypedExtensionConfigSchema, { name: extensionName(extension), typedConfig: configOf(extension) });
}

function configOf({ name, layer, code }: ir.Extension): Any {
  switch (code.kind) {
    case "lua":
      return typed(LuaSchema, { defaultSourceCode: { specifier: { case: "inlineString", value: code.source } } });
    case "wasm": {
      const config = pluginOf(name, code);
      return layer === "http" ? typed(HttpWasmSchema, { config }) : typed(NetworkWasmSchema, { config });
    }
    // Rules that allow nothing.
    case "refuse-all":
      return layer === "http"
        ? typed(HttpRbacSchema, { rules: { action: RBAC_Action.ALLOW } })
        : typed(NetworkRbacSchema, { statPrefix: "tcp.", rules: { action: RBAC_Action.ALLOW } });
  }
}

const failurePolicies = {
  refuse: FailurePolicy.FAIL_CLOSED,
  "let-through": FailurePolicy.FAIL_OPEN,
  reload: FailurePolicy.FAIL_RELOAD,
} as const;
/** As Istio's agent knows them. */
const refetching = { "if-absent": "IfNotPresent", always: "Always" } as const;

function pluginOf(name: string, code: ir.WasmCode): PluginConfig {
  const { configuration, rootId, environment, inherited, refetch, pullSecret, generation, onFailure } = code;
  return create(PluginConfigSchema, {
    name,
    rootId,
    failurePolicy: failurePolicies[onFailure],
    ...(configuration === undefined
      ? {}
      : { configuration: anyPack(StringValueSchema, create(StringValueSchema, { value: configuration })) }),
    vm: {
      case: "vmConfig",
      value: {
        runtime: "envoy.wasm.runtime.v8",
        code: sourceOf(code),
        environmentVariables: {
          hostEnvKeys: [...inherited],
          keyValues: {
            ...environment,
            ...("url" in code.module ? { ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION: String(generation) } : {}),
            ...(refetch === undefined ? {} : { ISTIO_META_WASM_IMAGE_PULL_POLICY: refetching[refetch] }),
            ...(pullSecret === undefined
              ? {}
              : { ISTIO_META_WASM_IMAGE_PULL_SECRET: secretName(`${pullSecret.namespace}/${pullSecret.name}`) }),
          },
        },
      },
    },
  });
}

/** A URL is for the proxy's agent, which puts a file in its place: the cluster is never asked. */
function sourceOf({ module }: ir.WasmCode): AsyncDataSource {
  if ("path" in module)
    return create(AsyncDataSourceSchema, {
      specifier: { case: "local", value: { specifier: { case: "filename", value: module.path } } },
    });
  return create(AsyncDataSourceSchema, {
    specifier: {
      case: "remote",
      value: {
        httpUri: { uri: module.url, httpUpstreamType: { case: "cluster", value: "_" }, timeout: duration(30_000) },
        sha256: module.sha256,
      },
    },
  });
}
