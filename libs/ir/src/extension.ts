/**
 * Code of a user's that a proxy runs on its traffic. Discovered by its name, so that it may change without a listener
 * being drained.
 */
export interface Extension {
  /** `namespace.name` of the object; a WasmPlugin's ends with Istio's mark, which no object's name can hold. */
  readonly name: string;
  readonly origin: string;
  readonly layer: "http" | "tcp";
  readonly code: LuaCode | WasmCode | ClosedDoor;
}

export interface LuaCode {
  readonly kind: "lua";
  readonly source: string;
}

export interface WasmCode {
  readonly kind: "wasm";
  /** A file beside the proxy, or a URL that its agent fetches: `http://`, `https://`, or `oci://` of an image. */
  readonly module: { readonly path: string } | { readonly url: string; readonly sha256: string };
  /** JSON. */
  readonly configuration?: string;
  readonly rootId: string;
  readonly onFailure: "refuse" | "let-through" | "reload";
  readonly environment: Readonly<Record<string, string>>;
  /** Names of variables of the proxy's own environment. */
  readonly inherited: readonly string[];
  readonly refetch?: "if-absent" | "always";
  /** Secret with the credentials for an image's registry, in the namespace of the object. */
  readonly pullSecret?: { readonly namespace: string; readonly name: string };
  /** Changes whenever the object does. */
  readonly generation: number;
}

/** Stands for an extension that must not be left out and cannot be had: nothing gets through. */
export interface ClosedDoor {
  readonly kind: "refuse-all";
}

/** Where a handler has an extension. */
export interface PlacedExtension {
  readonly name: string;
  readonly phase: ExtensionPhase;
  readonly language: "lua" | "wasm";
}

/** Before the mesh's own of that kind; `last`: before the router. */
export type ExtensionPhase = "authentication" | "authorization" | "telemetry" | "last";
