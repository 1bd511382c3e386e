import type { CaMaterial } from "@lateen/pki";

/** The CA as it is stored now. */
export interface StoredCa {
  readonly material: CaMaterial;
  /** Made here, so that it may be renewed here. A plugged-in CA is its owner's to renew. */
  readonly selfSigned: boolean;
  /** For `replace`. */
  readonly version: string;
}

/** Where the CA's key is kept. Nothing else of the mesh reads it. Faults are thrown and tried again by the caller. */
export interface KeyStore {
  /** Where that is, for messages: `secret istio-system/istio-ca-secret`. */
  readonly description: string;
  /** The CA; where there is none, what `create` makes is stored first. Of several that create, one wins and all get it. */
  loadOrCreate(create: () => Promise<CaMaterial>): Promise<StoredCa>;
  /** Compare and swap of a self-signed CA. False: somebody changed it since `stored` was read. */
  replace(stored: StoredCa, material: CaMaterial): Promise<boolean>;
}
