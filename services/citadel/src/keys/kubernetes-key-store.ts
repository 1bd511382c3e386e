import { type KubeClient, type KubeObject, isConflict } from "@lateen/kube";
import type { CaMaterial } from "@lateen/pki";
import { type CaFiles, pluggedName, readPlugged, readSelfSigned, selfSignedName, writeSelfSigned } from "./ca-files.ts";
import type { KeyStore, StoredCa } from "./key-store.ts";

const secrets = { apiVersion: "v1", plural: "secrets" };

/** Istio's Secrets: `cacerts` where it exists, else `istio-ca-secret`, created if missing. An istiod's CA is taken over as it is. */
export function createKubernetesKeyStore(client: KubeClient, namespace: string): KeyStore {
  const load = async (): Promise<StoredCa | undefined> => {
    const plugged = await client.get(secrets, { namespace, name: pluggedName });
    if (plugged) return stored(plugged, readPlugged(filesOf(plugged), `secret ${namespace}/${pluggedName}`), false);
    const own = await client.get(secrets, { namespace, name: selfSignedName });
    return own && stored(own, readSelfSigned(filesOf(own), `secret ${namespace}/${selfSignedName}`), true);
  };
  return {
    description: `secret ${namespace}/${selfSignedName}`,
    async loadOrCreate(create) {
      const existing = await load();
      if (existing) return existing;
      await client.create(secrets, secretOf(namespace, await create())).catch((error: unknown) => {
        if (!isConflict(error)) throw error; // another replica was first: its CA counts
      });
      return (await load()) as StoredCa;
    },
    async replace(previous, material) {
      try {
        await client.replace(secrets, secretOf(namespace, material, previous.version));
        return true;
      } catch (error) {
        if (isConflict(error)) return false;
        throw error;
      }
    },
  };
}

function stored(secret: KubeObject, material: CaMaterial, selfSigned: boolean): StoredCa {
  return { material, selfSigned, version: secret.metadata.resourceVersion ?? "" };
}

function filesOf(secret: KubeObject): CaFiles {
  const data = (secret["data"] ?? {}) as Readonly<Record<string, string>>;
  return new Map(Object.entries(data).map(([name, value]) => [name, Buffer.from(value, "base64").toString("utf8")]));
}

function secretOf(namespace: string, material: CaMaterial, resourceVersion?: string): KubeObject {
  const entries = [...writeSelfSigned(material)].map(([name, content]) => [
    name,
    Buffer.from(content).toString("base64"),
  ]);
  return {
    apiVersion: "v1",
    kind: "Secret",
    type: "istio.io/ca-root",
    metadata: { namespace, name: selfSignedName, ...(resourceVersion ? { resourceVersion } : {}) },
    data: Object.fromEntries(entries),
  };
}
