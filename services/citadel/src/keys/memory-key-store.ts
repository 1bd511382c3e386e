import type { CaMaterial } from "@lateen/pki";
import type { KeyStore, StoredCa } from "./key-store.ts";

/** Forgets the CA with the process: for tests. */
export function createMemoryKeyStore(initial?: CaMaterial): KeyStore {
  let stored: StoredCa | undefined = initial && { material: initial, selfSigned: true, version: "0" };
  return {
    description: "memory",
    async loadOrCreate(create) {
      const material = stored ? undefined : await create();
      if (!stored && material) stored = { material, selfSigned: true, version: "1" };
      return stored as StoredCa;
    },
    async replace(previous, material) {
      if (previous.version !== stored?.version) return false;
      stored = { material, selfSigned: true, version: `${Number(previous.version) + 1}` };
      return true;
    },
  };
}
