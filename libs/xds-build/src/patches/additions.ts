import { toBinary } from "@bufbuild/protobuf";
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import type * as ir from "@lateen/ir";
import type { Finding } from "@lateen/model";
import { ClusterSchema } from "@lateen/protos/envoy/config/cluster/v3/cluster_pb.js";
import { TypedExtensionConfigSchema } from "@lateen/protos/envoy/config/core/v3/extension_pb.js";
import { ListenerSchema } from "@lateen/protos/envoy/config/listener/v3/listener_pb.js";
import type { Listener } from "@lateen/protos/envoy/config/listener/v3/listener_pb.js";
import type { BuiltProxy } from "../builder.ts";
import { listenerName } from "../naming.ts";
import { packResource } from "../resources.ts";
import type { BuiltResource } from "../resources.ts";
import { typeUrls } from "../type-urls.ts";
import { leftOut } from "./patched-resource.ts";
import { PatchProblem } from "./problem.ts";
import { patchValue } from "./values.ts";
import { listenerProblem } from "./verify.ts";

/** What there is already where something is added. */
export interface Beside {
  readonly parts: readonly ir.ProxyIr[];
  has(typeUrl: string, name: string): boolean;
}

/** Names of the extensions that `patches` configure. */
export function extensionNames(patches: readonly ir.Patch[]): ReadonlySet<string> {
  return new Set(patches.flatMap(({ target, value }) => (target === "extension" ? [String(value?.["name"])] : [])));
}

/** Whole resources that patches bring. Of extensions a later one of the same name counts. */
export function addedResources(additions: readonly ir.Patch[], beside: Beside): BuiltProxy {
  const findings: Finding[] = [];
  const made = new Map<string, BuiltResource>();
  const addresses = additions.some(({ target }) => target === "listener") ? addressesOf(beside) : new Set<string>();
  const extensions = extensionNames(additions);
  for (const patch of additions) {
    try {
      const { resource, listener } = build(patch);
      const key = `${resource.typeUrl} ${resource.name}`;
      const replaces = patch.target === "extension";
      if (patch.operation === "replace" && !made.has(key)) continue;
      if (!replaces && (made.has(key) || beside.has(resource.typeUrl, resource.name)))
        throw new PatchProblem(`there is a ${patch.target} ${resource.name} already; MERGE changes it`);
      if (listener !== undefined) admit(listener, addresses, extensions);
      made.set(key, resource);
    } catch (error) {
      if (!(error instanceof PatchProblem)) throw error;
      findings.push(leftOut(patch, error.message));
    }
  }
  return { resources: [...made.values()], findings };
}

/** Throws where Envoy would refuse the listener; else takes its address. */
function admit(listener: Listener, addresses: Set<string>, extensions: ReadonlySet<string>): void {
  const taken = addressOf(listener);
  const problem =
    taken !== undefined && addresses.has(taken)
      ? `another listener has the address ${taken}`
      : listenerProblem(listener, extensions);
  if (problem !== undefined) throw new PatchProblem(problem);
  if (taken !== undefined) addresses.add(taken);
}

/** `address:port` of every listener that opens one for itself. */
function addressesOf({ parts, has }: Beside): Set<string> {
  const listeners = parts.flatMap((part) => part.listeners);
  const bound = listeners.filter(({ ref, bindToPort }) => bindToPort && has(typeUrls.listener, listenerName(ref)));
  return new Set(bound.map(({ bind, port }) => `${bind}:${port}`));
}

function addressOf({ address, bindToPort }: Listener): string | undefined {
  if (address?.address.case !== "socketAddress" || bindToPort === false) return undefined;
  const { address: host, portSpecifier } = address.address.value;
  return portSpecifier.case === "portValue" ? `${host}:${portSpecifier.value}` : undefined;
}

interface Addition {
  readonly resource: BuiltResource;
  readonly listener?: Listener;
}

const built = new WeakMap<ir.Patch, Addition>();

/** Made once for a patch. Throws a PatchProblem. */
function build(patch: ir.Patch): Addition {
  const known = built.get(patch);
  if (known !== undefined) return known;
  const addition = buildAnew(patch);
  built.set(patch, addition);
  return addition;
}

function buildAnew(patch: ir.Patch): Addition {
  if (patch.target === "cluster") return { resource: encode(patch, typeUrls.cluster, ClusterSchema) };
  if (patch.target === "extension") return { resource: encode(patch, typeUrls.extension, TypedExtensionConfigSchema) };
  return {
    resource: encode(patch, typeUrls.listener, ListenerSchema),
    listener: patchValue(ListenerSchema, patch),
  };
}

function encode<Desc extends DescMessage>(patch: ir.Patch, typeUrl: string, schema: Desc): BuiltResource {
  const message = patchValue(schema, patch) as MessageShape<Desc> & { readonly name: string };
  return { typeUrl, name: message.name, ...packResource(typeUrl, toBinary(schema, message)), origin: patch.origin };
}
