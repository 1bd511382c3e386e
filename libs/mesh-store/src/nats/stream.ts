import {
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from "@nats-io/jetstream";
import { nanos } from "nats";
import { MeshStoreError } from "../errors.ts";

export interface StreamOptions {
  readonly bucket: string;
  /** Copies, if it has to be created. */
  readonly replicas: number;
  /** The highest sequence that was seen of this bucket, in an earlier life of it. */
  readonly newest?: number;
}

const streamNotFound = 10059;
const nameInUse = 10058;
/** Only a marker of the server's own, where a key expires; ours say their lifetime themselves. */
const markerTtlMs = 3_600_000;

/** Creates the stream of a bucket if it is missing; says whether it did. Refuses one that the mesh store cannot live in. */
export async function ensureStream(manager: JetStreamManager, options: StreamOptions): Promise<boolean> {
  try {
    const { config } = await manager.streams.info(streamOf(options.bucket));
    if (config.max_msgs_per_subject !== 1 || !config.allow_msg_ttl) {
      throw new MeshStoreError(
        "store_misconfigured",
        `the bucket ${options.bucket} exists with history ${config.max_msgs_per_subject} and limit markers ${Boolean(config.allow_msg_ttl)}; the mesh store needs history 1 and message TTLs: delete it, the store is rebuilt from its sources`,
      );
    }
    return false;
  } catch (error) {
    if (!isStreamNotFound(error)) throw error;
  }
  try {
    await manager.streams.add(streamConfig(options));
    return true;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === nameInUse) return false; // another replica was faster
    throw error;
  }
}

export function streamOf(bucket: string): string {
  return `KV_${bucket}`;
}

/** The bucket is not there: never created, or its server came back without its data. */
export function isStreamNotFound(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === streamNotFound;
}

/**
 * As NATS's KV clients create a bucket. It begins at the time of day: a bucket that is made again must not give a
 * revision twice, since who has an entry of that revision takes it for unchanged.
 */
function streamConfig({ bucket, replicas, newest = 0 }: StreamOptions): Partial<StreamConfig> & { name: string } {
  return {
    name: streamOf(bucket),
    description: "Lateen's mesh store",
    subjects: [`$KV.${bucket}.>`],
    first_seq: Math.max(newest + 1, Date.now()),
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    num_replicas: replicas,
    max_msgs_per_subject: 1,
    max_msg_size: -1,
    allow_direct: true,
    allow_rollup_hdrs: true,
    deny_delete: true,
    allow_msg_ttl: true,
    subject_delete_marker_ttl: nanos(markerTtlMs),
  };
}
