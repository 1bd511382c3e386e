import { Reflector } from "@lateen/kube";
import type { KubeClient, KubeObject } from "@lateen/kube";
import { fields } from "@lateen/runtime";
import type { Component, Logger } from "@lateen/runtime";
import { setTimeout as delay } from "node:timers/promises";
import { parse } from "yaml";
import { defaultCapture } from "./init-container.ts";
import type { CapturePorts } from "./init-container.ts";

type Fields = Readonly<Record<string, unknown>>;

export interface ClusterFactsOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly meshConfigMap: string;
  readonly nativeSidecars: "auto" | "true" | "false";
  readonly logger: Logger;
}

/** What injection needs to know of the cluster: the mesh configuration's defaults, and what its kubelets can do. */
export interface ClusterFacts extends Component {
  /** `defaultConfig` of the mesh configuration; the last valid one while the ConfigMap is broken. */
  readonly defaultProxyConfig: Fields;
  /** `enablePrometheusMerge` of the mesh configuration. */
  readonly prometheusMerge: boolean;
  /** A tracer of the mesh configuration names services by OpenTelemetry's conventions. */
  readonly conventionalServices: boolean;
  /** `proxyListenPort` and `proxyInboundListenPort` of the mesh configuration. */
  readonly capturePorts: CapturePorts;
  readonly nativeSidecars: boolean;
}

const configMaps = { apiVersion: "v1", plural: "configmaps" };
/** From here on native sidecars are stable and Istio uses them by itself. */
const nativeSince = { major: 1, minor: 33 };

export function createClusterFacts(options: ClusterFactsOptions): ClusterFacts {
  const { client, namespace, meshConfigMap, logger } = options;
  let mesh = unwritten;
  let nativeSidecars = options.nativeSidecars === "true";
  let versionKnown = options.nativeSidecars !== "auto";
  const apply = (object: KubeObject): void => {
    const read = readMesh(object);
    if (typeof read === "string")
      logger.warn(
        { [fields.resource]: `ConfigMap/${namespace}/${meshConfigMap}`, [fields.reason]: read },
        "mesh configuration not usable, keeping the last one",
      );
    else mesh = read;
  };
  const forget = (): void => {
    mesh = unwritten;
  };
  const reflector = new Reflector(client, {
    type: configMaps,
    namespace,
    fieldSelector: `metadata.name=${meshConfigMap}`,
    logger,
    handler: {
      reset: ([object]) => (object ? apply(object) : forget()),
      apply,
      delete: forget,
    },
  });
  const learnVersion = async (signal: AbortSignal): Promise<void> => {
    while (!versionKnown && !signal.aborted) {
      try {
        nativeSidecars = atLeast(JSON.parse(await client.raw("/version", { signal })) as KubeVersion);
        versionKnown = true;
      } catch (error) {
        logger.warn({ [fields.error]: error }, "cannot read the cluster's version, retrying");
        await delay(1_000, undefined, { signal }).catch(() => undefined);
      }
    }
  };
  return {
    name: "cluster-facts",
    checks: [
      {
        name: "cluster-facts",
        check: () => ({
          ready: reflector.synced && versionKnown,
          ...(reflector.problem && { detail: reflector.problem }),
        }),
      },
    ],
    get defaultProxyConfig() {
      return mesh.defaultProxyConfig;
    },
    get prometheusMerge() {
      return mesh.prometheusMerge;
    },
    get conventionalServices() {
      return mesh.conventionalServices;
    },
    get capturePorts() {
      return mesh.capturePorts;
    },
    get nativeSidecars() {
      return nativeSidecars;
    },
    async run(signal) {
      await Promise.all([reflector.run(signal), learnVersion(signal)]);
    },
  };
}

type MeshFacts = Pick<ClusterFacts, "defaultProxyConfig" | "prometheusMerge" | "conventionalServices" | "capturePorts">;

const unwritten: MeshFacts = {
  ...{ defaultProxyConfig: {}, prometheusMerge: true, conventionalServices: false },
  capturePorts: defaultCapture,
};

/** What counts here of the mesh configuration, or why there is none. */
function readMesh(object: KubeObject): MeshFacts | string {
  const text = (object["data"] as { mesh?: string } | undefined)?.mesh ?? "";
  try {
    const mesh: unknown = parse(text) ?? {};
    const config = isObject(mesh) ? (mesh["defaultConfig"] ?? {}) : undefined;
    if (isObject(mesh) && isObject(config))
      return {
        defaultProxyConfig: config,
        prometheusMerge: mesh["enablePrometheusMerge"] !== false,
        conventionalServices: followsConventions(mesh["extensionProviders"]),
        capturePorts: {
          outbound: portOr(mesh["proxyListenPort"], defaultCapture.outbound),
          inbound: portOr(mesh["proxyInboundListenPort"], defaultCapture.inbound),
        },
      };
    return "data.mesh is no MeshConfig object, or its defaultConfig is none; correct it";
  } catch (error) {
    return `data.mesh is no YAML: ${String(error)}`;
  }
}

/** As text or as the enumeration's number, as protobuf's JSON form allows. */
function followsConventions(providers: unknown): boolean {
  if (!Array.isArray(providers)) return false;
  return providers.some((provider: unknown) => {
    const tracer = isObject(provider) ? provider["opentelemetry"] : undefined;
    const chosen = isObject(tracer) ? tracer["serviceAttributeEnrichment"] : undefined;
    return chosen === "OTEL_SEMANTIC_CONVENTIONS" || chosen === 1;
  });
}

/** What is no port is told of where the mesh configuration is judged. */
function portOr(value: unknown, otherwise: number): number {
  return Number.isInteger(value) && Number(value) > 0 && Number(value) < 65_536 ? Number(value) : otherwise;
}

interface KubeVersion {
  readonly major: string;
  readonly minor: string;
}

function atLeast(version: KubeVersion): boolean {
  const [major, minor] = [Number.parseInt(version.major, 10), Number.parseInt(version.minor, 10)]; // minor may be "33+"
  return major > nativeSince.major || (major === nativeSince.major && minor >= nativeSince.minor);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
