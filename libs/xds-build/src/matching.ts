import { create } from "@bufbuild/protobuf";
import {
  type HeaderMatcher,
  HeaderMatcherSchema,
  type QueryParameterMatcher,
  QueryParameterMatcherSchema,
} from "@lateen/protos/envoy/config/route/v3/route_components_pb.js";
import { type StringMatcher, StringMatcherSchema } from "@lateen/protos/envoy/type/matcher/v3/string_pb.js";
import type { ir } from "./ir.ts";

export function stringMatcher(match: ir.StringMatch): StringMatcher {
  const ignoreCase = match.ignoreCase === true && match.kind !== "regex"; // Envoy refuses it for expressions
  const value = match.kind === "regex" && match.ignoreCase === true ? `(?i)${match.value}` : match.value;
  return create(StringMatcherSchema, {
    ignoreCase,
    matchPattern: match.kind === "regex" ? { case: "safeRegex", value: { regex: value } } : { case: match.kind, value },
  });
}

export function headerMatcher(header: ir.HeaderMatch): HeaderMatcher {
  return create(HeaderMatcherSchema, {
    name: header.name,
    invertMatch: header.invert === true,
    treatMissingHeaderAsEmpty: header.missingIsEmpty === true,
    headerMatchSpecifier:
      header.match === undefined
        ? { case: "presentMatch", value: true }
        : { case: "stringMatch", value: stringMatcher(header.match) },
  });
}

export function queryMatcher(query: ir.QueryMatch): QueryParameterMatcher {
  return create(QueryParameterMatcherSchema, {
    name: query.name,
    queryParameterMatchSpecifier:
      query.match === undefined
        ? { case: "presentMatch", value: true }
        : { case: "stringMatch", value: stringMatcher(query.match) },
  });
}
