import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { ImageRegistry, headerModule, moduleArtifact, moduleImage } from "@lateen/testkit";
import type { RegistryRules } from "@lateen/testkit";
import type { FeatureContext } from "./feature.ts";

/** A TrafficExtension of the row's. */
export function trafficExtension(row: FeatureContext, spec: object, suffix?: string): object {
  return extension("TrafficExtension", row.named(suffix), spec);
}

export function wasmPlugin(row: FeatureContext, spec: object, suffix?: string): object {
  return extension("WasmPlugin", row.named(suffix), spec);
}

export function extension(kind: string, metadata: object, spec: object): object {
  return { apiVersion: "extensions.istio.io/v1alpha1", kind, metadata, spec };
}

/** Lua that adds to the response header `x-row`. */
export function marking(value: string): object {
  return { inlineCode: `function envoy_on_response(handle) handle:headers():add("x-row", "${value}") end` };
}

/** Calls that go out to the row's own port. */
export function outOnOwnPort(row: FeatureContext): object {
  return { mode: "CLIENT", ports: [{ number: row.ports(0) }] };
}

/** A module that adds `x-row: <slug>` to responses. */
export function moduleOf(row: FeatureContext): Buffer {
  return Buffer.from(headerModule("x-row", row.slug));
}

export function digestOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

const servers = new Map<string, { close(): unknown }>();

/** Serves the row's module from now on; `close` it at the end. */
export function serveModule(row: FeatureContext): string {
  if (!servers.has(row.slug)) {
    const server = createServer((request, response) => {
      if (request.url === "/module.wasm") response.end(moduleOf(row));
      else response.writeHead(404).end();
    });
    servers.set(row.slug, server.listen(row.ports(3), "127.0.0.1").unref());
  }
  return `http://127.0.0.1:${row.ports(3)}`;
}

export function stopServing(row: FeatureContext): void {
  servers.get(row.slug)?.close();
  servers.delete(row.slug);
  registries.delete(row.slug);
}

const registries = new Map<string, ImageRegistry>();

/**
 * A registry with the row's module from now on, under `team/artifact:v1` and `team/image:v1`; `stopServing` it at the
 * end. Its host and port.
 */
export function serveImages(row: FeatureContext, rules: RegistryRules = {}): ImageRegistry {
  const known = registries.get(row.slug);
  if (known !== undefined) return known;
  const registry = new ImageRegistry(rules);
  registry.put("team/artifact", "v1", moduleArtifact(moduleOf(row)));
  registry.put("team/image", "v1", moduleImage(moduleOf(row), { format: "docker" }));
  registries.set(row.slug, registry);
  servers.set(row.slug, registry);
  void registry.listen(row.ports(3));
  return registry;
}

/** The name that an image has in the row's registry. */
export function imageOf(row: FeatureContext, name: string): string {
  return `oci://127.0.0.1:${row.ports(3)}/team/${name}`;
}
