import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { pluggedName, readPlugged, readSelfSigned, selfSignedName, writeSelfSigned } from "./ca-files.ts";
import type { KeyStore, StoredCa } from "./key-store.ts";
import { createSecretFolder, readSecretFolder, replaceSecretFile } from "./secret-files.ts";

/**
 * A folder laid out like the namespace's Secrets: `cacerts/` (plugged in, takes precedence) and `istio-ca-secret/`
 * (made here, files 0600). For `lateen up`: the CA survives a restart.
 */
export function createDirectoryKeyStore(directory: string): KeyStore {
  const folder = join(directory, selfSignedName);
  const load = async (): Promise<StoredCa | undefined> => {
    const plugged = await readSecretFolder(join(directory, pluggedName));
    if (plugged && plugged.size > 0) return stored(readPlugged(plugged, join(directory, pluggedName)), false);
    const own = await readSecretFolder(folder);
    return own && own.size > 0 ? stored(readSelfSigned(own, folder), true) : undefined;
  };
  return {
    description: `folder ${directory}`,
    async loadOrCreate(create) {
      const existing = await load();
      if (existing) return existing;
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await createSecretFolder(folder, writeSelfSigned(await create()));
      return (await load()) as StoredCa;
    },
    async replace(previous, material) {
      if ((await load())?.version !== previous.version) return false;
      await replaceSecretFile(join(folder, "ca-cert.pem"), material.certificatePem); // renewing keeps the key
      return true;
    },
  };
}

function stored(material: StoredCa["material"], selfSigned: boolean): StoredCa {
  return { material, selfSigned, version: createHash("sha256").update(JSON.stringify(material)).digest("hex") };
}
