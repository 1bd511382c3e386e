import { resolve } from "node:path";
import { repository } from "@lateen/e2e-harness";

/** What the suite is told about the cluster it runs on. */
export interface Settings {
  readonly kubeconfig: string;
  /** A command that is given image names and brings them to the nodes; undefined: they are there. */
  readonly imageLoader: readonly string[] | undefined;
  /** Neither build nor load: `imageTag` is on the nodes already. */
  readonly skipImages: boolean;
  readonly imageRepository: string;
  readonly imageTag: string;
  readonly chart: string;
  readonly samplesFolder: string;
  /** More arguments for `helm install`. */
  readonly helmArguments: readonly string[];
  /** Leave the installation for a look at it; the next run removes it. */
  readonly keep: boolean;
}

/**
 * KUBECONFIG, and all optional: LATEEN_IMAGE_LOADER, LATEEN_SKIP_IMAGES=1, IMAGE_REPOSITORY, IMAGE_TAG (as for `pnpm
 * images`), LATEEN_CHART, LATEEN_HELM_ARGS, LATEEN_KEEP=1.
 */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const kubeconfig = env["KUBECONFIG"] ?? "";
  if (kubeconfig === "")
    throw new Error(
      "KUBECONFIG is not set: the suite installs things, so it is told which cluster (kind create cluster makes one)",
    );
  const skipImages = isOn(env["LATEEN_SKIP_IMAGES"]);
  const loader = words(env["LATEEN_IMAGE_LOADER"]);
  return {
    kubeconfig,
    imageLoader: loader.length > 0 ? loader : undefined,
    skipImages,
    imageRepository: env["IMAGE_REPOSITORY"] || "localhost/lateen",
    imageTag: env["IMAGE_TAG"] || (skipImages ? "dev" : "e2e"),
    chart: resolve(repository, env["LATEEN_CHART"] || "helm/lateen"),
    samplesFolder: resolve(repository, "deploy/samples"),
    helmArguments: words(env["LATEEN_HELM_ARGS"]),
    keep: isOn(env["LATEEN_KEEP"]),
  };
}

function isOn(value: string | undefined): boolean {
  return value !== undefined && !["", "0", "false", "no"].includes(value.toLowerCase());
}

function words(text: string | undefined): string[] {
  return (text ?? "").split(/\s+/).filter((word) => word !== "");
}
