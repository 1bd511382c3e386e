import { setTimeout as sleep } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { type MeshStore, keys } from "@lateen/mesh-store";
import { splitPem } from "@lateen/pki";
import { EntrySchema, TrustBundleSchema } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import { type Logger, fields } from "@lateen/runtime";
import type { Authority } from "../authority.ts";

export interface PublishTrustOptions {
  readonly store: MeshStore;
  readonly authority: Authority;
  readonly trustDomain: string;
  readonly logger: Logger;
}

const repeatMs = 60_000;
const retryMs = 1_000;

/**
 * Keeps `trust.<trust domain>` equal to the CA's roots, until `signal` aborts. Every replica does: they have the same
 * CA, and storing an equal value changes nothing. A key that is gone, also with the whole store, comes back at once.
 */
export async function publishTrust(
  { store, authority, trustDomain, logger }: PublishTrustOptions,
  signal: AbortSignal,
): Promise<void> {
  const key = keys.trust(trustDomain);
  let changed = new AbortController();
  const stop = authority.onChange(() => changed.abort());
  try {
    await Promise.all([keepPublished(), mindLoss()]);
  } finally {
    stop();
  }

  async function keepPublished(): Promise<void> {
    while (!signal.aborted) {
      changed = new AbortController();
      const published = await publish();
      await sleep(published ? repeatMs : retryMs, undefined, {
        signal: AbortSignal.any([signal, changed.signal]),
      }).catch(() => undefined);
    }
  }

  /** Another value is not answered: two replicas that differ for a moment would overwrite each other without end. */
  async function mindLoss(): Promise<void> {
    for await (const { reset, changes } of store.watch([keys.prefix("trust")], signal)) {
      const last = changes.find((change) => change.key === key);
      if (last?.type === "delete" || (reset && last === undefined)) changed.abort();
    }
  }

  async function publish(): Promise<boolean> {
    const roots = authority.current?.material.rootsPem;
    if (roots === undefined) return true; // the change will wake us
    try {
      const value = create(TrustBundleSchema, { trustDomain, rootCertificatesPem: splitPem(roots) });
      await store.put(key, create(EntrySchema, { value: { case: "trust", value } }));
      return true;
    } catch (error) {
      logger.warn(
        { [fields.error]: error, [fields.trustDomain]: trustDomain },
        "cannot publish the trust bundle, retrying",
      );
      return false;
    }
  }
}
