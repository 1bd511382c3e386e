import type { MeshConfig_ExtensionProvider } from "@lateen/protos/mesh/v1alpha1/config_pb.js";
import type { ProxyConfig } from "@lateen/protos/mesh/v1alpha1/proxy_pb.js";
import type { Tracing } from "@lateen/protos/telemetry/v1alpha1/telemetry_pb.js";
import type { Cursor } from "../report.ts";
import { checkDuration, checkHeaderName, checkPercent } from "../rules/values.ts";

/** Telemetry's `tracing`: `at` points at the list. */
export function checkTracing(rules: readonly Tracing[], at: Cursor): void {
  for (const [index, rule] of rules.entries()) {
    const here = at.at(index);
    checkPercent(rule.randomSamplingPercentage ?? 0, here.at("randomSamplingPercentage"));
    if (rule.providers.length > 1)
      here
        .at("providers")
        .warning("conflict", "names more than one provider: spans go to the first alone; remove the others");
    for (const [position, provider] of rule.providers.entries())
      if (provider.name === "")
        here
          .at("providers", position, "name")
          .error("required", "is required: an entry of meshConfig.extensionProviders");
    for (const [name, tag] of Object.entries(rule.customTags)) checkTag(tag, here.at("customTags", name));
  }
}

type Tag = Pick<Tracing["customTags"][string], "type"> | Pick<ProxyTag, "type">;
type ProxyTag = NonNullable<ProxyConfig["tracing"]>["customTags"][string];

function checkTag({ type }: Tag, at: Cursor): void {
  switch (type.case) {
    case undefined:
      at.warning("no-effect", "has no value, so spans do not have it; set literal, environment, header or formatter");
      return;
    case "literal":
      if (type.value.value === "") at.at("literal", "value").error("required", "is required: a tag needs a value");
      return;
    case "environment":
      if (type.value.name === "") at.at("environment", "name").error("required", "is required: a variable's name");
      return;
    case "header":
      checkHeaderName(type.value.name, at.at("header", "name"), true);
      return;
    case "formatter":
      if (type.value.value === "")
        at.at("formatter", "value").error("required", "is required: a format, as in access logs");
  }
}

/** A ProxyConfig's `tracing`: `at` points at the ProxyConfig. */
export function checkProxyTracing(config: ProxyConfig | undefined, at: Cursor): void {
  const { tracing, zipkinAddress = "" } = config ?? {};
  if (zipkinAddress !== "") checkAddress(zipkinAddress, at.at("zipkinAddress"));
  if (tracing === undefined) return;
  const here = at.at("tracing");
  checkPercent(tracing.sampling, here.at("sampling"));
  if (tracing.tracer.case === "zipkin" || tracing.tracer.case === "datadog")
    checkAddress(tracing.tracer.value.address, here.at(tracing.tracer.case, "address"));
  for (const [name, tag] of Object.entries(tracing.customTags)) checkTag(tag, here.at("customTags", name));
}

/** `host:port`. */
export function checkAddress(address: string, at: Cursor): void {
  const [, port = ""] = /^(?:\[[0-9A-Fa-f:]+\]|[^\s:/]+):(\d{1,5})$/.exec(address) ?? [];
  if (Number(port) < 1 || Number(port) > 65_535)
    at.error("address", `${JSON.stringify(address)} is not a host and port, as in zipkin.istio-system:9411`);
}

/** What tracers are told beside where their service is. */
export function checkTracer({ provider }: MeshConfig_ExtensionProvider, at: Cursor): void {
  if (provider.case === "zipkin") {
    checkDuration(provider.value.timeout, at.at("zipkin", "timeout"));
    checkPath(provider.value.path, at.at("zipkin", "path"));
    checkHeaders(provider.value.headers, at.at("zipkin", "headers"));
  }
  if (provider.case !== "opentelemetry") return;
  const here = at.at("opentelemetry");
  const { http, grpc, sampling } = provider.value;
  if (http !== undefined && grpc !== undefined)
    here.at("grpc").error("conflict", "cannot be used with http: spans go one way; keep one of them");
  checkDuration(http?.timeout, here.at("http", "timeout"));
  checkHeaders(http?.headers ?? [], here.at("http", "headers"));
  checkDuration(grpc?.timeout, here.at("grpc", "timeout"));
  checkHeaders(grpc?.initialMetadata ?? [], here.at("grpc", "initialMetadata"));
  if (sampling.case !== "dynatraceSampler") return;
  if (sampling.value.tenant === "") here.at("dynatraceSampler", "tenant").error("required", "is required");
  if (http === undefined && sampling.value.httpService === undefined)
    here.at("dynatraceSampler", "httpService").error("required", "is required, as there is no http to ask by");
}

function checkPath(path: string, at: Cursor): void {
  if (path !== "" && !path.startsWith("/")) at.error("path", `must start with a slash, got ${JSON.stringify(path)}`);
}

function checkHeaders(headers: readonly { readonly name: string }[], at: Cursor): void {
  for (const [index, { name }] of headers.entries()) checkHeaderName(name, at.at(index, "name"));
}
