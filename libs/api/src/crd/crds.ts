import { kinds } from "../kinds/registry.ts";
import type { KindDefinition } from "../kinds/definition.ts";
import { schemaOf } from "./openapi.ts";
import type { JsonSchema } from "./openapi.ts";

/** The CRDs of all built kinds, ready to apply; names, versions and short names are Istio's, so its objects stay valid. */
export function customResourceDefinitions(): object[] {
  return kinds.filter((definition) => definition.hasCrd).map(customResourceDefinition);
}

function customResourceDefinition(definition: KindDefinition): object {
  const { group, plural, singular, kind, shortNames, categories, scope } = definition;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: {
      name: `${plural}.${group}`,
      labels: { "app.kubernetes.io/part-of": "lateen" },
      annotations: { "helm.sh/resource-policy": "keep" },
    },
    spec: {
      group,
      scope,
      names: { kind, listKind: `${kind}List`, plural, singular, shortNames, categories },
      versions: definition.versions.map((version) => versionOf(definition, version)),
    },
  };
}

function versionOf(definition: KindDefinition, version: string): JsonSchema {
  return {
    name: version,
    served: true,
    storage: version === definition.storageVersion,
    subresources: { status: {} },
    additionalPrinterColumns: definition.columns,
    schema: {
      openAPIV3Schema: { type: "object", properties: { spec: schemaOf(definition.schema), status: statusSchema } },
    },
  };
}

const text: JsonSchema = { type: "string" };

/** Istio's status: conditions, and what validation and analysis had to say. */
const statusSchema: JsonSchema = {
  type: "object",
  "x-kubernetes-preserve-unknown-fields": true,
  properties: {
    observedGeneration: { type: "integer", format: "int64" },
    conditions: {
      type: "array",
      items: {
        type: "object",
        properties: {
          type: text,
          status: text,
          reason: text,
          message: text,
          lastTransitionTime: { type: "string", format: "date-time" },
          lastProbeTime: { type: "string", format: "date-time" },
          observedGeneration: { type: "integer", format: "int64" },
        },
      },
    },
    validationMessages: { type: "array", items: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
  },
};
