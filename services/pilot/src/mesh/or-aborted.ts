import { onAbort } from "@lateen/rpc";

/** Waits for `work`, at most until `signal` aborts. Never rejects because of the signal. */
export function orAborted(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = onAbort(signal, resolve);
    const done = (): void => {
      cancel();
      resolve();
    };
    work.then(done, (error) => {
      cancel();
      reject(error);
    });
  });
}
