import { create } from "@bufbuild/protobuf";
import type * as ir from "@lateen/ir";
import { RateLimitSchema } from "@lateen/protos/envoy/config/route/v3/route_components_pb.js";
import type { RateLimit } from "@lateen/protos/envoy/config/route/v3/route_components_pb.js";
import { DescriptorSchema } from "@lateen/protos/envoy/extensions/rate_limit_descriptors/expr/v3/expr_pb.js";
import { headerMatcher } from "./matchers.ts";
import { typed } from "./messages.ts";
import type { Init } from "./messages.ts";

type Action = NonNullable<Init<typeof RateLimitSchema>["actions"]>[number];

/** The first entry names the rule; one more follows for each value it counts by. See README.md. */
export function buildRateLimit(rule: ir.RateLimitRule): RateLimit {
  return create(RateLimitSchema, { stage: rule.stage, actions: [ruleEntry(rule), ...rule.countBy.map(countEntry)] });
}

/** Without the entry there is no descriptor: a request that does not match is not counted. */
function ruleEntry({ id, headers }: ir.RateLimitRule): Action {
  return headers.length === 0
    ? { actionSpecifier: { case: "genericKey", value: { descriptorKey: "rule", descriptorValue: id } } }
    : {
        actionSpecifier: {
          case: "headerValueMatch",
          value: { descriptorKey: "rule", descriptorValue: id, headers: headers.map(headerMatcher) },
        },
      };
}

function countEntry(source: ir.RateLimitRule["countBy"][number]): Action {
  switch (source.kind) {
    case "header":
      return {
        actionSpecifier: {
          case: "requestHeaders",
          value: { headerName: source.name, descriptorKey: `header.${source.name}` },
        },
      };
    case "client-address":
      return { actionSpecifier: { case: "remoteAddress", value: {} } };
    case "principal":
      return {
        actionSpecifier: {
          case: "extension",
          value: {
            name: "envoy.rate_limit_descriptors.expr",
            typedConfig: typed(DescriptorSchema, {
              descriptorKey: "principal",
              skipIfError: true,
              exprSpecifier: { case: "text", value: "connection.uri_san_peer_certificate" },
            }),
          },
        },
      };
  }
}
