import { fromJson } from "@bufbuild/protobuf";
import { ProxyConfigSchema } from "@lateen/protos/mesh/v1alpha1/proxy_pb.js";
import type { ProxyConfig } from "@lateen/protos/mesh/v1alpha1/proxy_pb.js";
import { Report } from "./report.ts";
import { readMessage } from "./schema/read-message.ts";

/**
 * What a proxy was started with: `defaultConfig` of the mesh with what its pod changes, as its node metadata
 * (PROXY_CONFIG) has it. Total: what cannot be read counts as not written, because the proxy runs already.
 */
export function readProxySettings(raw: object): ProxyConfig {
  const report = new Report({ kind: "ProxyConfig", namespace: "", name: "" });
  const json = readMessage(ProxyConfigSchema, raw, [], report, {
    notBuilt: new Map(),
    unknownFields: "warning",
    nonEmpty: new Map(),
  });
  return fromJson(ProxyConfigSchema, json);
}
