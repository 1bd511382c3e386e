import type {
  MeshConfig_ExtensionProvider,
  MeshConfig_ExtensionProvider_EnvoyExternalAuthorizationRequestBody as BodyRules,
} from "@lateen/protos/mesh/v1alpha1/config_pb.js";
import type { Cursor } from "../report.ts";
import { checkDuration } from "../rules/values.ts";

/** What external authorizers are told beside where their service is. `at` points at the provider. */
export function checkAuthorizer({ provider }: MeshConfig_ExtensionProvider, at: Cursor): void {
  if (provider.case !== "envoyExtAuthzHttp" && provider.case !== "envoyExtAuthzGrpc") return;
  const { timeout, statusOnError, includeRequestBodyInCheck } = provider.value;
  const here = at.at(provider.case);
  checkDuration(timeout, here.at("timeout"));
  if (statusOnError !== "" && !isKnown(statusOnError))
    here
      .at("statusOnError")
      .error("status", `must be an HTTP status that Envoy knows, as in "503", got ${JSON.stringify(statusOnError)}`);
  if (provider.case === "envoyExtAuthzHttp" && /^[^/]/.test(provider.value.pathPrefix))
    here
      .at("pathPrefix")
      .error("path", `must begin with a slash, as in /check, got ${JSON.stringify(provider.value.pathPrefix)}`);
  checkBody(includeRequestBodyInCheck, here.at("includeRequestBodyInCheck"));
}

/** Envoy refuses a listener without the limit. */
function checkBody(rules: BodyRules | undefined, at: Cursor): void {
  if (rules?.maxRequestBytes === 0)
    at.at("maxRequestBytes").error("required", "is required: how much of a body a proxy keeps for the authorizer");
}

/** Those of `envoy.type.v3.StatusCode`; Envoy refuses a listener with another. */
const ranges: readonly (readonly [first: number, last: number])[] = [
  [100, 100],
  [200, 208],
  [226, 226],
  [300, 305],
  [307, 308],
  [400, 417],
  [421, 424],
  [426, 426],
  [428, 429],
  [431, 431],
  [500, 508],
  [510, 511],
];

function isKnown(status: string): boolean {
  const code = Number(status);
  return Number.isInteger(code) && ranges.some(([first, last]) => first <= code && code <= last);
}
