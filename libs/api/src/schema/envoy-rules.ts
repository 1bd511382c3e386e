import { fromBinary, toJson } from "@bufbuild/protobuf";
import type { DescField, DescMessage, DescOneof, JsonValue } from "@bufbuild/protobuf";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { messageTypes } from "@lateen/protos/types";
import { problemOf, zeroOf } from "./value-rules.ts";
import type { Rules } from "./value-rules.ts";

/** A mistake below the place that is judged. */
export interface RuleProblem {
  readonly path: readonly (string | number)[];
  readonly code: "range" | "required";
  readonly message: string;
}

/**
 * What Envoy itself demands of a value, as its own protos say it (`validate.rules`). `given`: what is not set, or as good
 * as not set, may be set elsewhere. `whole`: what is not set stays so.
 */
export type Judged = "given" | "whole";

/** Of a field that is set to `json`, in protobuf's JSON form. */
export function problemsOfField(field: DescField, json: JsonValue, judged: Judged): readonly RuleProblem[] {
  const rules = rulesOf(field);
  if (rules === undefined || (judged === "given" && isZero(json))) return [];
  return problemOf(rules, json, field.enum).map(({ path, message, got }) => ({
    path,
    message: got === undefined ? message : `${message}, got ${got}`,
    code: "range",
  }));
}

/** Of the fields of a whole message that are not in `present`. */
export function problemsOfAbsent(schema: DescMessage, present: ReadonlySet<DescField>): readonly RuleProblem[] {
  const absent = schema.fields.filter((field) => field.oneof === undefined && !present.has(field));
  const choices = schema.oneofs.filter(
    (oneof) => isRequired(oneof) && !oneof.fields.some((field) => present.has(field)),
  );
  return [
    ...absent.flatMap((field) => absenceOf(field)),
    ...choices.map(({ fields }) => ({
      path: [],
      code: "required" as const,
      message: `needs one of ${fields.map(({ name }) => name).join(", ")}`,
    })),
  ];
}

/** Envoy does not look into it. */
export function isSkipped(field: DescField): boolean {
  return rulesOf(field)?.message?.skip === true;
}

function absenceOf(field: DescField): readonly RuleProblem[] {
  const rules = rulesOf(field);
  if (rules === undefined) return [];
  const path = [field.name];
  if (rules.message?.required === true || rules.any?.required === true || rules.duration?.required === true)
    return [{ path, code: "required", message: "is required" }];
  const zero = zeroOf(field);
  const [problem] = zero === undefined ? [] : problemOf(rules, zero, field.enum);
  return problem === undefined ? [] : [{ path, code: "required", message: `is required: ${problem.message}` }];
}

function isZero(json: JsonValue): boolean {
  return (
    json === "" || json === 0 || json === false || (typeof json === "object" && Object.keys(json ?? {}).length === 0)
  );
}

/** The number of `validate.rules` and `validate.required` among the options of fields and oneofs. */
const extension = 1071;
const known = new WeakMap<DescField, { readonly rules: Rules | undefined }>();

function rulesOf(field: DescField): Rules | undefined {
  const before = known.get(field);
  if (before !== undefined) return before.rules;
  const rules = readRules(field);
  known.set(field, { rules });
  return rules;
}

function readRules({ proto }: DescField): Rules | undefined {
  const option = proto.options?.$unknown?.find(({ no }) => no === extension);
  const schema = messageTypes.getMessage("validate.FieldRules");
  if (option === undefined || schema === undefined) return undefined;
  const bytes = new BinaryReader(option.data).bytes();
  return toJson(schema, fromBinary(schema, bytes)) as Rules;
}

function isRequired({ proto }: DescOneof): boolean {
  const option = proto.options?.$unknown?.find(({ no }) => no === extension);
  return option !== undefined && new BinaryReader(option.data).bool();
}
