import { create } from "@bufbuild/protobuf";
import type * as ir from "@lateen/ir";
import { CustomTagSchema } from "@lateen/protos/envoy/type/tracing/v3/custom_tag_pb.js";
import type { CustomTag } from "@lateen/protos/envoy/type/tracing/v3/custom_tag_pb.js";
import { dryRunPrefixes } from "./http-filters.ts";
import type { Init } from "./messages.ts";

type TagType = NonNullable<Init<typeof CustomTagSchema>["type"]>;

/** By name, as equal tags have equal bytes. */
export function spanTags({ tags, describesWorkload, workload }: ir.Tracing): CustomTag[] {
  const own = Object.entries(tags).map(([name, tag]) => create(CustomTagSchema, { tag: name, type: typeOf(tag) }));
  const described =
    describesWorkload === true ? [...dryRunTags, ...(workload === undefined ? [] : meshTags(workload))] : [];
  return [...described, ...own].sort((left, right) => (left.tag < right.tag ? -1 : 1));
}

function typeOf(tag: ir.SpanTag): TagType {
  switch (tag.kind) {
    case "literal":
      return { case: "literal", value: { value: tag.value } };
    case "environment":
      return { case: "environment", value: { name: tag.name, defaultValue: tag.otherwise } };
    case "header":
      return { case: "requestHeader", value: { name: tag.name, defaultValue: tag.otherwise } };
    case "format":
      return { case: "value", value: tag.format };
  }
}

/** Istio's names: dashboards group by them. */
function meshTags(workload: ir.TracedWorkload): readonly CustomTag[] {
  const values = {
    "istio.canonical_revision": workload.canonicalRevision,
    "istio.canonical_service": workload.canonicalService,
    "istio.cluster_id": workload.clusterId,
    "istio.mesh_id": workload.meshId,
    "istio.namespace": workload.namespace,
  };
  return Object.entries(values).map(([tag, value]) =>
    create(CustomTagSchema, { tag, type: { case: "literal", value: { value } } }),
  );
}

/** What policies that are only tried out would have done; without any of those the tags are not there. */
const dryRunTags: readonly CustomTag[] = (["allow", "deny"] as const).flatMap((action) =>
  [
    ["name", "shadow_effective_policy_id"],
    ["result", "shadow_engine_result"],
  ].map(([what, key]) =>
    create(CustomTagSchema, {
      tag: `istio.authorization.dry_run.${action}_policy.${what ?? ""}`,
      type: {
        case: "metadata",
        value: {
          kind: { kind: { case: "request", value: {} } },
          metadataKey: {
            key: "envoy.filters.http.rbac",
            path: [{ segment: { case: "key", value: `${dryRunPrefixes[action]}${key ?? ""}` } }],
          },
        },
      },
    }),
  ),
);
