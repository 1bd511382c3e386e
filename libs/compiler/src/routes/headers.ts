import type * as ir from "@lateen/ir";
import { compareText } from "@lateen/model";
import type { HeaderOperations, HeaderRules } from "../istio.ts";

export interface HeaderEffects {
  readonly requestHeaders?: ir.HeaderChanges;
  readonly responseHeaders?: ir.HeaderChanges;
  /** From setting `:authority` or `host`, which is a rewrite of the host and no header change. */
  readonly authority?: string;
}

export function compileHeaders(rules: HeaderRules | undefined): HeaderEffects {
  const request = changes(rules?.request);
  const response = changes(rules?.response);
  const authority =
    rules?.request === undefined ? undefined : (authorityIn(rules.request.set) ?? authorityIn(rules.request.add));
  return {
    ...(request === undefined ? {} : { requestHeaders: request }),
    ...(response === undefined ? {} : { responseHeaders: response }),
    ...(authority === undefined ? {} : { authority }),
  };
}

function changes(operations: HeaderOperations | undefined): ir.HeaderChanges | undefined {
  if (operations === undefined) return undefined;
  const put = [...entries(operations.set, false), ...entries(operations.add, true)];
  const remove = operations.remove.filter((name) => !isInternal(name));
  if (put.length === 0 && remove.length === 0) return undefined;
  return { ...(put.length > 0 ? { put } : {}), ...(remove.length > 0 ? { remove } : {}) };
}

function entries(
  headers: Readonly<Record<string, string>>,
  append: boolean,
): readonly { name: string; value: string; append: boolean }[] {
  return Object.entries(headers)
    .filter(([name]) => !isInternal(name))
    .sort(([left], [right]) => compareText(left, right))
    .map(([name, value]) => ({ name, value, append }));
}

/** Envoy does not let pseudo-headers and the host be changed like others. */
function isInternal(name: string): boolean {
  return name.startsWith(":") || name.toLowerCase() === "host";
}

function authorityIn(headers: Readonly<Record<string, string>>): string | undefined {
  return Object.entries(headers).find(
    ([name]) => name.toLowerCase() === ":authority" || name.toLowerCase() === "host",
  )?.[1];
}

/** First `first`, then `second`: later changes see the effect of earlier ones. */
export function joinChanges(
  first: ir.HeaderChanges | undefined,
  second: ir.HeaderChanges | undefined,
): ir.HeaderChanges | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  const put = [...(first.put ?? []), ...(second.put ?? [])];
  const remove = [...(first.remove ?? []), ...(second.remove ?? [])];
  return { ...(put.length > 0 ? { put } : {}), ...(remove.length > 0 ? { remove } : {}) };
}
