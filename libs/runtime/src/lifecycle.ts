import type { Component, Server } from "./component.ts";
import { MeshError, runtimeCodes, toError } from "./errors.ts";
import { fields } from "./field-names.ts";
import type { Logger } from "./logger.ts";

export interface Tasks {
  /** Everything that was started has ended: rejects with the first failure. */
  readonly ended: Promise<void>;
  /** The names of what still runs, for the message of a shutdown that takes too long. */
  running(): readonly string[];
}

/**
 * Runs components and servers until `stop` aborts. The first failure aborts `stop`, so the rest ends too. A failure
 * after that is only logged: the shutdown goes on. Nothing outlives `ended`, unless it ignores its signal.
 */
export function runTasks(parts: readonly (Component | Server)[], stop: AbortController, logger: Logger): Tasks {
  const running = new Set<string>();
  let failure: Error | undefined;
  const runOne = async (part: Component | Server): Promise<void> => {
    running.add(part.name);
    try {
      await ("run" in part ? runComponent(part, stop.signal) : runServer(part, stop.signal));
    } catch (error) {
      if (!stop.signal.aborted) {
        failure = toError(error);
        stop.abort(failure);
      } else if (toError(error).name !== "AbortError" && error !== stop.signal.reason) {
        logger.warn(
          { [fields.component]: part.name, [fields.error]: toError(error) },
          "component failed while stopping",
        );
      }
    } finally {
      running.delete(part.name);
    }
  };
  const ended = Promise.all(parts.map(runOne)).then(() => {
    if (failure !== undefined) throw failure;
  });
  ended.catch(() => undefined); // whoever awaits it gets the failure; nobody may, yet
  return { ended, running: () => [...running] };
}

async function runComponent(component: Component, signal: AbortSignal): Promise<void> {
  await component.run(signal);
  if (signal.aborted) return;
  throw new MeshError(runtimeCodes.componentEnded, `component ${component.name} ended although nothing stopped it`);
}

async function runServer(server: Server, signal: AbortSignal): Promise<void> {
  const stop = await server.start(signal);
  await aborted(signal);
  await stop?.();
}

/** Resolves when the signal aborts; at once if it has. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
