import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { KubeClient } from "./client.ts";
import { inClusterTransport } from "./transport.ts";

export interface LoadOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** A kubeconfig's path; default `$KUBECONFIG`, then the pod's service account, then `~/.kube/config`. */
  readonly kubeconfig?: string;
  /** The kubeconfig's context; default its current one. */
  readonly context?: string;
}

/** A client for the cluster this process belongs to or is pointed at. Does not connect yet. Throws where there is none. */
export async function loadClient(options: LoadOptions = {}): Promise<KubeClient> {
  const env = options.env ?? process.env;
  const named = options.kubeconfig ?? env["KUBECONFIG"] ?? "";
  if (named === "" && env["KUBERNETES_SERVICE_HOST"]) return new KubeClient(inClusterTransport(env));
  const file = named === "" ? join(homedir(), ".kube", "config") : named;
  const missing = file.split(delimiter).filter((path) => path !== "" && !existsSync(path));
  if (missing.length > 0)
    throw new Error(
      `no Kubernetes cluster to talk to: ${missing.join(", ")} does not exist; set KUBECONFIG to a kubeconfig file`,
    );
  const { transportFromFiles } = await import("./kubeconfig.ts");
  return new KubeClient(transportFromFiles(file, options.context));
}
