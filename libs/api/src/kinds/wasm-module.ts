import { EnvValueSource, type PluginType } from "@lateen/protos/extensions/v1alpha1/wasm_pb.js";
import type { VmConfig } from "@lateen/protos/extensions/v1alpha1/wasm_pb.js";
import type { NotBuiltField } from "../schema/read-message.ts";
import type { Cursor } from "../report.ts";
import { checkDistinct } from "../rules/distinct.ts";
import { checkPort } from "../rules/values.ts";

/** What WasmPlugin and the `wasm` of a TrafficExtension have in common. */
export interface WasmModule {
  readonly url: string;
  readonly sha256: string;
  readonly imagePullSecret: string;
  readonly vmConfig?: VmConfig | undefined;
  readonly type: PluginType;
}

export function wasmNotBuilt(prefix: string): readonly NotBuiltField[] {
  return [
    {
      path: `${prefix}verificationKey`,
      reason:
        "signatures of modules are not checked, as in Istio, which does not implement it; pin the module with sha256",
    },
  ];
}

export function checkWasm({ url, sha256, imagePullSecret, vmConfig }: WasmModule, at: Cursor): void {
  checkUrl(url, at.at("url"));
  checkPullSecret(imagePullSecret, url, at.at("imagePullSecret"));
  if (sha256 !== "" && !/^[a-f0-9]{64}$/.test(sha256))
    at.at("sha256").error("digest", "must be 64 hexadecimal digits in lower case");
  const [, pinned = sha256] = /@sha256:([a-f0-9]{64})$/.exec(url) ?? [];
  if (sha256 !== "" && pinned !== sha256)
    at.at("sha256").error("conflict", `must be the digest in the url, ${pinned}, or be left out`);
  const variables = vmConfig?.env ?? [];
  for (const [index, { name, valueFrom, value }] of variables.entries()) {
    const here = at.at("vmConfig", "env", index);
    if (name === "") here.at("name").error("required", "is required");
    if (valueFrom === EnvValueSource.HOST && value !== "")
      here.at("value").error("conflict", "cannot be set with valueFrom HOST: the value is the proxy's own");
  }
  checkDistinct(
    variables.map(({ name }) => name),
    "variable",
    (index) => at.at("vmConfig", "env", index, "name"),
  );
}

function checkUrl(url: string, at: Cursor): void {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//.exec(url)?.[1] ?? "oci";
  if (url === "") at.error("required", "is required: oci://…, https://…, http://… or file:///…");
  else if (scheme === "oci" && !image.test(url))
    at.error(
      "url",
      `${JSON.stringify(url)} is not the reference of an image: oci://registry/repository:tag or …@sha256:digest`,
    );
  else if (scheme === "file" && !/^file:\/\/\/./.test(url))
    at.error("url", "must be an absolute path in the proxy's container: file:///…");
  else if ((scheme === "http" || scheme === "https") && !/^https?:\/\/[^\s/?#]+/.test(url))
    at.error("url", `${JSON.stringify(url)} is not a URL`);
  else if (!["oci", "file", "http", "https"].includes(scheme))
    at.error("url", `${JSON.stringify(scheme)} is not a scheme of modules; use oci, https, http or file`);
}

function checkPullSecret(name: string, url: string, at: Cursor): void {
  if (name === "") return;
  if (!/^(?:kubernetes:\/\/)?[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(name))
    at.error("name", `${JSON.stringify(name)} is not the name of a Secret in the namespace of this object`);
  else if (!url.startsWith("oci://") && url.includes("://"))
    at.warning("no-effect", "only images are pulled with credentials; this module has another url");
}

/** Registry, repository, tag and digest, as Docker writes them: all but the repository may be missing. */
const image =
  /^(?:oci:\/\/)?(?:(?:[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)*|\[[0-9a-fA-F:]+\])(?::\d+)?\/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?::\w[\w.-]{0,127})?(?:@sha(?:256:[a-f0-9]{64}|512:[a-f0-9]{128}))?$/;

/** Ports of a traffic selector. */
export function checkTraffic(
  match: readonly { readonly ports: readonly { readonly number: number }[] }[],
  at: Cursor,
): void {
  for (const [index, { ports }] of match.entries())
    for (const [position, { number }] of ports.entries()) checkPort(number, at.at(index, "ports", position, "number"));
}
