import { create } from "@bufbuild/protobuf";
import type * as ir from "@lateen/ir";
import { CidrRangeSchema } from "@lateen/protos/envoy/config/core/v3/address_pb.js";
import type { CidrRange } from "@lateen/protos/envoy/config/core/v3/address_pb.js";
import {
  HeaderMatcherSchema,
  QueryParameterMatcherSchema,
} from "@lateen/protos/envoy/config/route/v3/route_components_pb.js";
import type { HeaderMatcher, QueryParameterMatcher } from "@lateen/protos/envoy/config/route/v3/route_components_pb.js";
import { StringMatcherSchema } from "@lateen/protos/envoy/type/matcher/v3/string_pb.js";
import type { StringMatcher } from "@lateen/protos/envoy/type/matcher/v3/string_pb.js";

export function stringMatcher({ kind, value, ignoreCase }: ir.StringMatch): StringMatcher {
  // Envoy refuses the flag beside a regex, which has its own.
  const regex = ignoreCase === true ? `(?i)${value}` : value;
  return create(StringMatcherSchema, {
    matchPattern: kind === "regex" ? { case: "safeRegex", value: { regex } } : { case: kind, value },
    ignoreCase: kind !== "regex" && ignoreCase === true,
  });
}

export function exactly(values: readonly string[]): StringMatcher[] {
  return values.map((value) => stringMatcher({ kind: "exact", value }));
}

export function headerMatcher({ name, match, invert, missingIsEmpty }: ir.HeaderMatch): HeaderMatcher {
  return create(HeaderMatcherSchema, {
    name,
    headerMatchSpecifier:
      match === undefined
        ? { case: "presentMatch", value: true }
        : { case: "stringMatch", value: stringMatcher(match) },
    invertMatch: invert === true,
    treatMissingHeaderAsEmpty: missingIsEmpty === true,
  });
}

export function queryMatcher({ name, match }: ir.QueryMatch): QueryParameterMatcher {
  return create(QueryParameterMatcherSchema, {
    name,
    queryParameterMatchSpecifier:
      match === undefined
        ? { case: "presentMatch", value: true }
        : { case: "stringMatch", value: stringMatcher(match) },
  });
}

export function cidrRange({ address, length }: { readonly address: string; readonly length: number }): CidrRange {
  return create(CidrRangeSchema, { addressPrefix: address, prefixLen: length });
}
