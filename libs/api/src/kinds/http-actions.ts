import type {
  CorsPolicy,
  Headers,
  Headers_HeaderOperations,
  HTTPDirectResponse,
  HTTPRewrite,
  HTTPRoute,
} from "@lateen/protos/networking/v1alpha3/virtual_service_pb.js";
import type { Cursor } from "../report.ts";
import { checkDuration, checkHeaderName, checkHeaderValue, checkPort, checkRegex } from "../rules/values.ts";
import { didYouMean } from "../schema/suggest.ts";
import { checkStringMatch } from "./http-match.ts";

export function checkRedirect({ redirect, match }: HTTPRoute, at: Cursor): void {
  if (!redirect) return;
  const { uri, authority, redirectPort, scheme, redirectCode, prefixRewrite } = redirect;
  if (uri === "" && authority === "" && redirectPort.case === undefined && scheme === "" && prefixRewrite === "") {
    at.error("required", "must change something: set uri, authority, port, derivePort or scheme");
  }
  if (uri !== "" && prefixRewrite !== "")
    at.at("prefixRewrite").error("conflict", "cannot be used with uri; keep one of them");
  if (prefixRewrite !== "" && !match.every(({ uri: path }) => path === undefined || path.matchType.case === "prefix"))
    at.at("prefixRewrite").error("conflict", "replaces the matched prefix, so all matches of the rule need uri.prefix");
  if (redirectPort.case === "port") checkPort(redirectPort.value, at.at("port"));
  if (scheme !== "" && scheme !== "http" && scheme !== "https")
    at.at("scheme").error("scheme", `must be http or https, got ${JSON.stringify(scheme)}`);
  if (redirectCode !== 0 && ![301, 302, 303, 307, 308].includes(redirectCode)) {
    at.at("redirectCode").error("status", `must be 301, 302, 303, 307 or 308, got ${redirectCode}`);
  }
}

const maxBody = 1_048_576;

export function checkDirectResponse(response: HTTPDirectResponse | undefined, at: Cursor): void {
  if (!response) return;
  if (response.status < 200 || response.status > 599)
    at.at("status").error("status", `must be an HTTP status from 200 to 599, got ${response.status}`);
  const size = response.body?.specifier.value?.length ?? 0;
  if (size > maxBody)
    at.at("body").error("size", `must be at most ${maxBody} bytes, got ${size}; serve it from a service`);
  else if (size > maxBody / 10)
    at.at("body").warning("size", `of ${size} bytes is sent to every proxy; better serve it from a service`);
}

export function checkRewrite(rewrite: HTTPRewrite | undefined, headers: Headers | undefined, at: Cursor): void {
  if (!rewrite) return;
  const { uri, authority, uriRegexRewrite } = rewrite;
  if (uri === "" && authority === "" && !uriRegexRewrite)
    at.error("required", "must change something: set uri, authority or uriRegexRewrite");
  if (uri !== "" && uriRegexRewrite)
    at.at("uriRegexRewrite").error("conflict", "cannot be used with uri; keep one of them");
  if (uriRegexRewrite) {
    checkRegex(uriRegexRewrite.match, at.at("uriRegexRewrite", "match"));
    if (uriRegexRewrite.rewrite === "")
      at.at("uriRegexRewrite", "rewrite").error(
        "required",
        'is required: what replaces the match, with groups as in "\\1"',
      );
  }
  const alsoSet = Object.keys(headers?.request?.set ?? {}).find(isAuthority);
  if (authority !== "" && alsoSet !== undefined)
    at.at("authority").error(
      "conflict",
      `headers.request.set has ${JSON.stringify(alsoSet)} too; set the authority in one place`,
    );
}

function isAuthority(header: string): boolean {
  return [":authority", "host"].includes(header.toLowerCase());
}

export function checkHeaders(headers: Headers | undefined, at: Cursor): void {
  checkOperations(headers?.request, at.at("request"), true);
  checkOperations(headers?.response, at.at("response"), false);
}

function checkOperations(operations: Headers_HeaderOperations | undefined, at: Cursor, authority: boolean): void {
  if (!operations) return;
  for (const field of ["set", "add"] as const) {
    for (const [name, value] of Object.entries(operations[field]))
      checkOperation(name, value, at.at(field, name), authority);
  }
  for (const [index, name] of operations.remove.entries()) checkOperation(name, "", at.at("remove", index), false);
}

function checkOperation(name: string, value: string, at: Cursor, authority: boolean): void {
  checkHeaderValue(value, at);
  if (isAuthority(name) && authority) return;
  if (name.startsWith(":") || isAuthority(name))
    at.error("header", `${JSON.stringify(name)} cannot be changed here; to change the authority use rewrite.authority`);
  else checkHeaderName(name, at);
}

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"];

export function checkCors(policy: CorsPolicy | undefined, at: Cursor): void {
  if (!policy) return;
  for (const [index, origin] of policy.allowOrigins.entries())
    checkStringMatch(origin, at.at("allowOrigins", index), true);
  if (policy.allowOrigin.length > 0) at.at("allowOrigin").warning("deprecated", "is deprecated; use allowOrigins");
  for (const [index, method] of policy.allowMethods.entries()) {
    if (method !== "*" && !methods.includes(method))
      at.at("allowMethods", index).error(
        "method",
        `${JSON.stringify(method)} is not an HTTP method; expects one of ${methods.join(", ")} or "*"${didYouMean(method, methods)}`,
      );
  }
  for (const field of ["allowHeaders", "exposeHeaders"] as const) {
    for (const [index, name] of policy[field].entries()) checkHeaderName(name, at.at(field, index));
  }
  checkDuration(policy.maxAge, at.at("maxAge"), 0);
}
