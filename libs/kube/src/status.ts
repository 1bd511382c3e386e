import type { KubeClient } from "./client.ts";
import { isNotFound } from "./kube-error.ts";
import type { KubeRef, ResourceType } from "./resource.ts";

/**
 * Merges `status` into an object's status: given fields replace (lists whole), null removes, others stay.
 * False where the object is gone meanwhile, which is no mistake.
 */
// oxlint-disable-next-line max-params -- what is patched, where and with what are four already
export async function patchStatus(
  client: KubeClient,
  type: ResourceType,
  ref: KubeRef,
  status: Readonly<Record<string, unknown>>,
  options: { signal?: AbortSignal } = {},
): Promise<boolean> {
  try {
    await client.patch(type, ref, { status }, { ...options, type: "merge", subresource: "status" });
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}
