import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { anyPack, anyUnpack } from "@bufbuild/protobuf/wkt";
import type { Any } from "@bufbuild/protobuf/wkt";
import { TypedExtensionConfigSchema } from "@lateen/protos/envoy/config/core/v3/extension_pb.js";
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
import type { MissingModules } from "./missing-modules.ts";
import type { ModuleStore, WantedModule } from "./module-store.ts";

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
  readonly missing: MissingModules;
}

/**
 * An answer with extensions, where files stand in for URLs. Where a module cannot be had the extension stays as it was;
 * one that never was there refuses, or lets through. `again` is called when such a module can be had after all: pilot
 * sends the extension anew to an Envoy that has another version of it.
 */
export async function withLocalModules(
  response: Uint8Array,
  { delta, again, ...modules }: Modules & { readonly delta: boolean; again(): void },
): Promise<Buffer> {
  if (delta) {
    const message = fromBinary(DeltaDiscoveryResponseSchema, response);
    for (const name of message.removedResources) forget(name, modules);
    await Promise.all(
      message.resources.map(async (entry) => {
        if (entry.resource === undefined) return;
        const { resource, whole } = await localized(entry.resource, modules, again);
        entry.resource = resource;
        if (!whole) entry.version = `${entry.version} without its module`;
      }),
    );
    return Buffer.from(toBinary(DeltaDiscoveryResponseSchema, message));
  }
  const message = fromBinary(DiscoveryResponseSchema, response);
  const changed = await Promise.all(message.resources.map((resource) => localized(resource, modules, again)));
  message.resources = changed.map(({ resource }) => resource);
  return Buffer.from(toBinary(DiscoveryResponseSchema, message));
}

function forget(name: string, { good, missing }: Modules): void {
  good.delete(name);
  missing.settle(name);
}

interface Localized {
  readonly resource: Any;
  /** It is what pilot meant. */
  readonly whole: boolean;
}

async function localized(resource: Any, modules: Modules, again: () => void): Promise<Localized> {
  const extension = anyUnpack(resource, TypedExtensionConfigSchema);
  const config = extension?.typedConfig;
  if (extension === undefined || config === undefined) return { resource, whole: true };
  const http = anyUnpack(config, HttpWasmSchema);
  const network = http === undefined ? anyUnpack(config, NetworkWasmSchema) : undefined;
  const plugin = http?.config ?? network?.config;
  const wanted = plugin && wantedBy(plugin, modules);
  if (plugin === undefined || wanted === undefined) return { resource, whole: true };
  const { name } = extension;
  const file = await fileOf(name, wanted, { ...modules, again });
  if (file === undefined) {
    const good = modules.good.get(name);
    if (good !== undefined) return { resource: good, whole: false };
    const open = plugin.failurePolicy === FailurePolicy.FAIL_OPEN;
    extension.typedConfig = http !== undefined ? httpDoor(open) : networkDoor(open);
    return { resource: anyPack(TypedExtensionConfigSchema, extension), whole: false };
  }
  useFile(plugin, file);
  if (http !== undefined) extension.typedConfig = anyPack(HttpWasmSchema, http);
  else if (network !== undefined) extension.typedConfig = anyPack(NetworkWasmSchema, network);
  const changed = anyPack(TypedExtensionConfigSchema, extension);
  modules.good.set(name, changed);
  return { resource: changed, whole: true };
}

/** Rules that allow nothing, or no rules. */
function httpDoor(open: boolean): Any {
  return anyPack(HttpRbacSchema, create(HttpRbacSchema, open ? {} : { rules: { action: RBAC_Action.ALLOW } }));
}

function networkDoor(open: boolean): Any {
  const rules = open ? {} : { rules: { action: RBAC_Action.ALLOW } };
  return anyPack(NetworkRbacSchema, create(NetworkRbacSchema, { statPrefix: "tcp.", ...rules }));
}

function wantedBy({ vm }: PluginConfig, { pullSecret }: Modules): WantedModule | undefined {
  const source = vm.case === "vmConfig" ? vm.value.code?.specifier : undefined;
  if (vm.case !== "vmConfig" || source?.case !== "remote") return undefined;
  const {
    [policy]: pull,
    [version]: generation = "",
    [secret]: login,
  } = vm.value.environmentVariables?.keyValues ?? {};
  const { httpUri, sha256 } = source.value;
  return {
    url: httpUri?.uri ?? "",
    sha256,
    generation,
    ...(pull !== undefined && { refetch: pull === "Always" }),
    ...(login !== undefined && { credentials: () => pullSecret(login) }),
  };
}

/** Undefined where it cannot be had: it is asked for from now on, and what is asked for already is not waited for. */
async function fileOf(
  extension: string,
  wanted: WantedModule,
  { store, missing, good, logger, again }: Modules & { again(): void },
): Promise<string | undefined> {
  const { url } = wanted;
  const what = JSON.stringify(wanted);
  const attempt = (): Promise<string> => store.file(wanted);
  const found = (): void => {
    logger.info({ extension, url }, "a module that was missing is there");
    again();
  };
  try {
    const file = missing.isAsking(extension, what) ? undefined : await attempt();
    if (file !== undefined) missing.settle(extension);
    else missing.keepAsking(extension, what, { attempt, found });
    return file;
  } catch (error) {
    const consequence = good.has(extension) ? "the extension stays as it was" : "its failStrategy decides what passes";
    logger.error({ extension, url, err: error }, `a module cannot be had and is asked for again, ${consequence}`);
    missing.keepAsking(extension, what, { attempt, found });
    return undefined;
  }
}

/** Changes `plugin` in place. */
function useFile({ vm }: PluginConfig, file: string): void {
  if (vm.case !== "vmConfig") return;
  vm.value.code = {
    $typeName: "envoy.config.core.v3.AsyncDataSource",
    specifier: { case: "local", value: fileSource(file) },
  };
  const { environmentVariables: variables } = vm.value;
  if (variables === undefined) return;
  const { [policy]: _pull, [version]: _generation, [secret]: _login, ...own } = variables.keyValues;
  variables.keyValues = own;
}

function fileSource(filename: string) {
  return {
    $typeName: "envoy.config.core.v3.DataSource" as const,
    specifier: { case: "filename" as const, value: filename },
  };
}
