import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { anyPack, anyUnpack } from "@bufbuild/protobuf/wkt";
import type { Any } from "@bufbuild/protobuf/wkt";
import { TypedExtensionConfigSchema } from "@lateen/protos/envoy/config/core/v3/extension_pb.js";
import type { TypedExtensionConfig } from "@lateen/protos/envoy/config/core/v3/extension_pb.js";
import { RBAC_Action } from "@lateen/protos/envoy/config/rbac/v3/rbac_pb.js";
import { RBACSchema as HttpRbacSchema } from "@lateen/protos/envoy/extensions/filters/http/rbac/v3/rbac_pb.js";
import { WasmSchema as HttpWasmSchema } from "@lateen/protos/envoy/extensions/filters/http/wasm/v3/wasm_pb.js";
import { RBACSchema as NetworkRbacSchema } from "@lateen/protos/envoy/extensions/filters/network/rbac/v3/rbac_pb.js";
import { WasmSchema as NetworkWasmSchema } from "@lateen/protos/envoy/extensions/filters/network/wasm/v3/wasm_pb.js";
import { FailurePolicy } from "@lateen/protos/envoy/extensions/wasm/v3/wasm_pb.js";
import type { PluginConfig } from "@lateen/protos/envoy/extensions/wasm/v3/wasm_pb.js";
import {
  DeltaDiscoveryResponseSchema,
  DiscoveryResponseSchema,
} from "@lateen/protos/envoy/service/discovery/v3/discovery_pb.js";
import type { Logger } from "@lateen/runtime";
import type { ModuleStore } from "./module-store.ts";

/** What pilot tells the agent inside a module's environment, under Istio's names; Envoy does not get it. */
const [policy, version] = ["ISTIO_META_WASM_IMAGE_PULL_POLICY", "ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION"];
/** Unlike istiod, pilot sends the Secret's name, not its content, which nobody sees who sees the configuration. */
const secret = "ISTIO_META_WASM_IMAGE_PULL_SECRET";

export interface Modules {
  readonly store: Pick<ModuleStore, "file">;
  readonly logger: Logger;
  /** The Docker configuration in a Secret of that resource name. */
  readonly pullSecret: (name: string) => Promise<string>;
  /** What Envoy was given last of each extension whose module was there. */
  readonly good: Map<string, Any>;
}

/**
 * An answer with extensions, where files stand in for URLs. Where a module cannot be had the extension stays as it was;
 * one that never was there refuses, or lets through.
 */
export async function withLocalModules(response: Uint8Array, delta: boolean, modules: Modules): Promise<Buffer> {
  if (delta) {
    const message = fromBinary(DeltaDiscoveryResponseSchema, response);
    for (const name of message.removedResources) modules.good.delete(name);
    for (const entry of message.resources)
      if (entry.resource !== undefined) entry.resource = await localized(entry.resource, modules);
    return Buffer.from(toBinary(DeltaDiscoveryResponseSchema, message));
  }
  const message = fromBinary(DiscoveryResponseSchema, response);
  message.resources = await Promise.all(message.resources.map((resource) => localized(resource, modules)));
  return Buffer.from(toBinary(DiscoveryResponseSchema, message));
}

async function localized(resource: Any, modules: Modules): Promise<Any> {
  const extension = anyUnpack(resource, TypedExtensionConfigSchema);
  const config = extension?.typedConfig;
  if (extension === undefined || config === undefined) return resource;
  const http = anyUnpack(config, HttpWasmSchema);
  const network = http === undefined ? anyUnpack(config, NetworkWasmSchema) : undefined;
  const plugin = http?.config ?? network?.config;
  if (plugin === undefined) return resource;
  const outcome = await fetched(extension, plugin, modules);
  if (outcome === "untouched") return resource;
  if (outcome === "as-before") return modules.good.get(extension.name) ?? resource;
  const closed = outcome === "refuse" ? { rules: { action: RBAC_Action.ALLOW } } : {};
  if (http !== undefined) {
    extension.typedConfig =
      outcome === "fetched" ? anyPack(HttpWasmSchema, http) : anyPack(HttpRbacSchema, create(HttpRbacSchema, closed));
  } else if (network !== undefined) {
    const rbac = create(NetworkRbacSchema, { statPrefix: "tcp.", ...closed });
    extension.typedConfig =
      outcome === "fetched" ? anyPack(NetworkWasmSchema, network) : anyPack(NetworkRbacSchema, rbac);
  }
  const changed = anyPack(TypedExtensionConfigSchema, extension);
  if (outcome === "fetched") modules.good.set(extension.name, changed);
  return changed;
}

type Outcome = "untouched" | "fetched" | "as-before" | "refuse" | "let-through";

/** Changes `plugin` in place. */
async function fetched({ name }: TypedExtensionConfig, plugin: PluginConfig, modules: Modules): Promise<Outcome> {
  const vm = plugin.vm.case === "vmConfig" ? plugin.vm.value : undefined;
  const source = vm?.code?.specifier;
  if (vm === undefined || source?.case !== "remote") return "untouched";
  const values = vm.environmentVariables?.keyValues ?? {};
  const { [policy]: pull, [version]: generation = "", [secret]: login, ...own } = values;
  const { httpUri, sha256 } = source.value;
  const url = httpUri?.uri ?? "";
  const how = {
    ...(pull !== undefined && { refetch: pull === "Always" }),
    ...(login !== undefined && { credentials: () => modules.pullSecret(login) }),
  };
  try {
    const filename = await modules.store.file({ url, sha256, generation, ...how });
    vm.code = {
      $typeName: "envoy.config.core.v3.AsyncDataSource",
      specifier: { case: "local", value: fileSource(filename) },
    };
    if (vm.environmentVariables !== undefined) vm.environmentVariables.keyValues = own;
    return "fetched";
  } catch (error) {
    return withoutModule({ extension: name, url, err: error }, plugin, modules);
  }
}

function withoutModule(
  fields: { readonly extension: string; readonly url: string; readonly err: unknown },
  { failurePolicy }: PluginConfig,
  { logger, good }: Modules,
): Outcome {
  const [outcome, consequence] = good.has(fields.extension)
    ? (["as-before", "the extension stays as it was"] as const)
    : failurePolicy === FailurePolicy.FAIL_OPEN
      ? (["let-through", "traffic passes without it"] as const)
      : (["refuse", "what it is for is refused"] as const);
  logger.error(fields, `a module cannot be had, ${consequence}`);
  return outcome;
}

function fileSource(filename: string) {
  return {
    $typeName: "envoy.config.core.v3.DataSource" as const,
    specifier: { case: "filename" as const, value: filename },
  };
}
