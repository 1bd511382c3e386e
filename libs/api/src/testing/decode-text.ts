import { decodeObject, readDocuments } from "../index.ts";
import type { DecodeResult } from "../index.ts";
import type { Violation } from "@lateen/model";

/** Decodes the first document of a text, as if it were the file `test.yaml`. */
export function decodeText(text: string): DecodeResult {
  const { documents, violations } = readDocuments(text, "test.yaml");
  const [document] = documents;
  return document ? decodeObject(document.raw, document) : { ok: false, violations };
}

/** Decodes a spec, given as YAML without indentation. The spec begins in line 4. */
export function decodeSpec(kind: string, spec: string): DecodeResult {
  const groups: Record<string, string> = {
    PeerAuthentication: "security.istio.io/v1",
    AuthorizationPolicy: "security.istio.io/v1",
    MeshNetworks: "mesh.istio.io/v1alpha1",
    Telemetry: "telemetry.istio.io/v1",
    RateLimit: "policy.lateen.dev/v1alpha1",
    EnvoyFilter: "networking.istio.io/v1alpha3",
    WasmPlugin: "extensions.istio.io/v1alpha1",
    TrafficExtension: "extensions.istio.io/v1alpha1",
    MeshConfig: "mesh.istio.io/v1alpha1",
    Ingress: "networking.k8s.io/v1",
    IngressClass: "networking.k8s.io/v1",
  };
  const body = spec
    .trim()
    .split("\n")
    .map((line) => `  ${line}`)
    .join("\n");
  return decodeText(
    `apiVersion: ${groups[kind] ?? "networking.istio.io/v1"}\nkind: ${kind}\nmetadata: {name: test}\nspec:\n${body}\n`,
  );
}

/** All that was said, as `severity path code`. */
export function summary(result: DecodeResult): string[] {
  const violations: readonly Violation[] = result.ok ? result.warnings : result.violations;
  return violations.map(({ severity, path, code }) => `${severity === "error" ? "" : "warning "}${path} ${code}`);
}

/** A case: a spec, and exactly what is said about it; nothing for a good one. */
export type SpecCase = readonly [name: string, spec: string, ...said: string[]];
