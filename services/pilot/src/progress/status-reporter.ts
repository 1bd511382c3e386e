import { setTimeout as sleep } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { keys } from "@lateen/mesh-store";
import type { MeshStore } from "@lateen/mesh-store";
import { EntrySchema } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import type { ReplicaStatus } from "@lateen/protos/mesh/store/v1/entry_pb.js";
import { fields, toError } from "@lateen/runtime";
import type { Logger } from "@lateen/runtime";

/** What a replica says about itself, without the time it said so. */
export type StatusContent = Pick<
  ReplicaStatus,
  "service" | "replica" | "appliedRevision" | "acknowledgedRevision" | "proxies" | "laggards"
> & {
  readonly rejections: readonly { proxy: string; typeUrl: string; resource: string; origin: string; message: string }[];
};

export interface StatusReporterOptions {
  readonly store: MeshStore;
  readonly logger: Logger;
  /** Undefined while there is nothing to say yet. */
  readonly content: () => StatusContent | undefined;
  readonly intervalMs?: number;
  /** An unchanged status is written again after this long: an old one is of a replica that is gone. */
  readonly heartbeatMs?: number;
}

/** Writes `status.<service>.<replica>`, at most once a second, when it changed. Ends, and takes it back, on abort. */
export async function reportStatus(options: StatusReporterOptions, signal: AbortSignal): Promise<void> {
  const { store, logger, content, intervalMs = 1_000, heartbeatMs = 20_000 } = options;
  let written: { readonly key: string; readonly text: string; readonly atMs: number } | undefined;
  let failing = false;
  while (!signal.aborted) {
    const status = content();
    const text = status === undefined ? "" : textOf(status);
    if (status !== undefined && (written?.text !== text || Date.now() - written.atMs >= heartbeatMs)) {
      const key = keys.status(status.service, status.replica);
      try {
        await store.put(key, entryOf(status));
        written = { key, text, atMs: Date.now() };
        failing = false;
      } catch (error) {
        if (!failing)
          logger.warn({ [fields.key]: key, [fields.error]: toError(error) }, "cannot publish status, retrying");
        failing = true;
      }
    }
    await sleep(intervalMs, undefined, { signal }).catch(() => undefined);
  }
  if (written !== undefined) await withdraw(store, written.key);
}

async function withdraw(store: MeshStore, key: string): Promise<void> {
  const limit = sleep(1_000, undefined, { ref: false });
  await Promise.race([store.delete(key).catch(() => undefined), limit]);
}

function entryOf(status: StatusContent) {
  const { rejections, laggards, ...rest } = status;
  return create(EntrySchema, {
    schemaVersion: 1,
    value: {
      case: "status",
      value: {
        ...rest,
        laggards: [...laggards],
        rejections: rejections.map((rejection) => ({ ...rejection })),
        updatedAtMs: BigInt(Date.now()),
      },
    },
  });
}

function textOf(status: StatusContent): string {
  return JSON.stringify(status, (_key, value: unknown) => (typeof value === "bigint" ? value.toString() : value));
}
