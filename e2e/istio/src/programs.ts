import { join } from "node:path";
import { goProgram } from "@lateen/binaries";

/** What a check needs cannot be had on this machine. Whoever needs it says so, and counts as neither passed nor failed. */
export class NotHere extends Error {}

type OnProgress = (line: string) => void;

/** Path of Istio's own istioctl. */
export function istioctl(onProgress: OnProgress): Promise<string> {
  return programOf("istioctl", onProgress);
}

/** Path of a program that answers what Istio's control plane sends a proxy: `go/istiod-says`. */
export function istiodSays(onProgress: OnProgress): Promise<string> {
  return programOf("istiod-says", onProgress);
}

/** Built of Istio's Go module, the first time in some minutes. Rejects with `NotHere` where modules cannot be fetched. */
async function programOf(command: string, onProgress: OnProgress): Promise<string> {
  try {
    return await goProgram(join(import.meta.dirname, "../go"), { command, onProgress });
  } catch (error) {
    if (/reading https?:|dial tcp|no such host|i\/o timeout/.test(String(error)))
      throw new NotHere(`Istio's Go module cannot be fetched here: ${String(error).slice(0, 300)}`, { cause: error });
    throw error;
  }
}
