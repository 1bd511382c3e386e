import { delimiter } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { kubeconfigTransport } from "./transport.ts";
import type { Transport } from "./transport.ts";

/** Imported only where a kubeconfig is used: client-node costs a process 87 MB and half a second. */
export function transportFromFiles(paths: string, context: string | undefined): Transport {
  const config = new KubeConfig();
  const [first = "", ...rest] = paths.split(delimiter).filter((path) => path !== "");
  config.loadFromFile(first);
  for (const path of rest) {
    const more = new KubeConfig();
    more.loadFromFile(path);
    config.mergeConfig(more, true);
  }
  if (context !== undefined) {
    if (!config.getContextObject(context)) {
      const known = config
        .getContexts()
        .map(({ name }) => name)
        .join(", ");
      throw new Error(`kubeconfig ${paths} has no context "${context}"; it has ${known || "none"}`);
    }
    config.setCurrentContext(context);
  }
  return kubeconfigTransport(config);
}
