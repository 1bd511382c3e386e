import { readProxySettings } from "@lateen/api";
import type { ProxyNode } from "@lateen/model";
import { byIdentity } from "./index/remember.ts";
import type { ProxySettings } from "./istio.ts";
import type { MeshSettings } from "./settings.ts";

/**
 * The ProxyConfig that holds for a proxy: what it was started with, which has the mesh's `defaultConfig` in it; that alone
 * for a proxy that does not say.
 */
export function proxySettingsOf({ proxyConfig }: ProxyNode, settings: MeshSettings): ProxySettings | undefined {
  return proxyConfig === undefined ? settings.proxyDefaults : read(proxyConfig);
}

/** Proxies of a fleet mostly say the same. */
const bySpelling = new Map<string, ProxySettings>();
const knownSpellings = 256;

const read = byIdentity((config: object): ProxySettings => {
  const spelling = JSON.stringify(config);
  const settings = bySpelling.get(spelling) ?? readProxySettings(config);
  if (bySpelling.size >= knownSpellings) bySpelling.clear();
  bySpelling.set(spelling, settings);
  return settings;
});
