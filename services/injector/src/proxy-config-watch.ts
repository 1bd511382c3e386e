import { Reflector } from "@lateen/kube";
import type { KubeClient, KubeObject } from "@lateen/kube";
import { fields } from "@lateen/runtime";
import type { Component, Logger } from "@lateen/runtime";
import { proxyConfigsOf } from "./proxy-settings.ts";
import type { ProxyConfigObject, ProxyConfigs } from "./proxy-settings.ts";

const proxyConfigs = { apiVersion: "networking.istio.io/v1beta1", plural: "proxyconfigs" };

export interface ProxyConfigWatch extends Component {
  readonly current: ProxyConfigs;
}

/**
 * Follows the objects of kind ProxyConfig. Not part of being ready: where the cluster does not have the kind, pods get
 * their proxies without.
 */
export function createProxyConfigWatch(options: {
  readonly client: KubeClient;
  readonly rootNamespace: string;
  readonly logger: Logger;
}): ProxyConfigWatch {
  const { client, rootNamespace, logger } = options;
  const objects = new Map<string, ProxyConfigObject>();
  let current = proxyConfigsOf([], rootNamespace);
  const keyOf = ({ metadata }: KubeObject): string => `${metadata.namespace ?? ""}/${metadata.name}`;
  const note = (object: KubeObject): void => {
    const read = readProxyConfig(object);
    if (typeof read !== "string") objects.set(keyOf(object), read);
    else
      logger.warn(
        { [fields.resource]: `ProxyConfig/${keyOf(object)}`, [fields.reason]: read },
        "proxy configuration not usable, keeping the last one",
      );
  };
  const changed = (): void => {
    current = proxyConfigsOf([...objects.values()], rootNamespace);
  };
  const reflector = new Reflector(client, {
    type: proxyConfigs,
    missingKind: "empty",
    logger,
    handler: {
      reset: (all) => {
        const kept = new Set(all.map(keyOf));
        for (const key of objects.keys()) if (!kept.has(key)) objects.delete(key);
        all.forEach(note);
        changed();
      },
      apply: (object) => {
        note(object);
        changed();
      },
      delete: (object) => {
        objects.delete(keyOf(object));
        changed();
      },
    },
  });
  return {
    name: "proxy-configs",
    checks: [],
    get current() {
      return current;
    },
    run: (signal) => reflector.run(signal),
  };
}

interface Written {
  readonly selector?: { readonly matchLabels?: unknown };
  readonly concurrency?: unknown;
  readonly environmentVariables?: unknown;
  readonly image?: { readonly imageType?: unknown };
}

/** The object, or what is wrong with it. Admission has judged it already (galley-validator), unless that was bypassed. */
export function readProxyConfig(object: KubeObject): ProxyConfigObject | string {
  const { namespace = "", name, creationTimestamp } = object.metadata;
  const { selector, concurrency, environmentVariables = {}, image } = (object["spec"] ?? {}) as Written;
  const labels = selector?.matchLabels ?? {};
  if (!isTexts(labels)) return "spec.selector.matchLabels has to be names with texts";
  if (!isTexts(environmentVariables)) return "spec.environmentVariables has to be names with texts";
  const threads = concurrency === undefined || (Number.isInteger(concurrency) && Number(concurrency) >= 0);
  if (!threads) return `spec.concurrency has to be a whole number, got ${JSON.stringify(concurrency)}`;
  const type = image?.imageType ?? "";
  if (typeof type !== "string") return `spec.image.imageType has to be a text, got ${JSON.stringify(type)}`;
  return {
    namespace,
    name,
    createdAtMs: Date.parse(String(creationTimestamp ?? "")) || 0,
    selector: labels,
    settings: {
      ...(concurrency === undefined ? {} : { concurrency }),
      ...(Object.keys(environmentVariables).length === 0 ? {} : { proxyMetadata: environmentVariables }),
      ...(type === "" ? {} : { image: { imageType: type } }),
    },
  };
}

function isTexts(value: unknown): value is Record<string, string> {
  return typeof value === "object" && value !== null && Object.values(value).every((one) => typeof one === "string");
}
