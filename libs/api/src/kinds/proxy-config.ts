import { ProxyConfigSchema } from "@lateen/protos/networking/v1beta1/proxy_config_pb.js";
import { checkSelector } from "../rules/labels.ts";
import { ageColumn, defineKind } from "./definition.ts";
import { checkImageType } from "./proxy-defaults.ts";

/** Settings of the process beside a workload. They take effect when a pod is created. */
export const proxyConfig = defineKind({
  group: "networking.istio.io",
  versions: ["v1beta1"],
  storageVersion: "v1beta1",
  kind: "ProxyConfig",
  plural: "proxyconfigs",
  shortNames: [],
  schema: ProxyConfigSchema,
  columns: [ageColumn],
  check(spec, at) {
    checkSelector(spec.selector, at.at("selector"));
    if (spec.concurrency !== undefined && spec.concurrency < 0)
      at.at("concurrency").error("range", `must be 0 (one thread a core) or more, got ${spec.concurrency}`);
    for (const name of Object.keys(spec.environmentVariables))
      if (!/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name))
        at.at("environmentVariables", name).error("name", `${JSON.stringify(name)} is not a variable's name`);
    const type = spec.image?.imageType ?? "";
    checkImageType(type, at.at("image", "imageType"));
    if (type !== "" && type !== "default")
      at.at("image", "imageType").warning(
        "own-image",
        `takes images that end in -${type} from your registry, if the chart's proxy.imageTypes names them: Lateen publishes the default one alone`,
      );
  },
});
