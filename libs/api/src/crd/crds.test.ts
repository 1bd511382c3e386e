import assert from "node:assert/strict";
import { test } from "node:test";
import { customResourceDefinitions, kinds } from "../index.ts";

interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
  readonly oneOf?: readonly unknown[];
  readonly enum?: readonly string[];
  readonly maximum?: number;
}

interface Crd {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly names: { readonly shortNames: readonly string[]; readonly categories: readonly string[] };
    readonly versions: readonly {
      readonly name: string;
      readonly storage: boolean;
      readonly subresources: object;
      readonly schema: { readonly openAPIV3Schema: Schema };
    }[];
  };
}

const crds = new Map((customResourceDefinitions() as Crd[]).map((crd) => [crd.metadata.name, crd]));

function specOf(name: string): Record<string, Schema> {
  return { ...crds.get(name)?.spec.versions[0]?.schema.openAPIV3Schema.properties?.["spec"]?.properties };
}

test("there is one for each kind that has one, with exactly one storage version", () => {
  assert.equal(crds.size, kinds.filter((kind) => kind.hasCrd).length);
  for (const crd of crds.values()) assert.equal(crd.spec.versions.filter((version) => version.storage).length, 1);
  const virtualServices = crds.get("virtualservices.networking.istio.io");
  assert.deepEqual(
    virtualServices?.spec.versions.map((version) => version.name),
    ["v1", "v1beta1", "v1alpha3"],
  );
  assert.deepEqual(virtualServices?.spec.names.categories, ["istio-io", "networking-istio-io"]);
  assert.deepEqual(
    crds.get("telemetries.telemetry.istio.io")?.spec.versions.find((version) => version.storage)?.name,
    "v1alpha1",
  );
});

test("schemas say what the descriptors say", () => {
  const http = specOf("virtualservices.networking.istio.io")["http"]?.items?.properties;
  assert.deepEqual(http?.["timeout"], { type: "string" });
  assert.equal(http?.["match"]?.items?.properties?.["headers"]?.additionalProperties?.oneOf?.length, 4);
  assert.equal(http?.["match"]?.items?.properties?.["port"]?.maximum, 4_294_967_295);
  assert.deepEqual(specOf("peerauthentications.security.istio.io")["mtls"]?.properties?.["mode"]?.enum, [
    "UNSET",
    "DISABLE",
    "PERMISSIVE",
    "STRICT",
  ]);
});
