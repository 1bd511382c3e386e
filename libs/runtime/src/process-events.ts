import { toError } from "./errors.ts";
import { fields } from "./field-names.ts";
import type { Logger } from "./logger.ts";

export interface ProcessEvents {
  /** Aborted by the first SIGTERM or SIGINT. */
  readonly request: AbortController;
  /** Aborted by the second. */
  readonly hurry: AbortController;
  /** An exception or rejection that nobody handled: the process's state is unknown, so it stops. */
  readonly onFault: (error: Error) => void;
  readonly logger: Logger;
}

/** Installs the handlers; disposing removes them. */
export function onProcessEvents({ request, hurry, onFault, logger }: ProcessEvents): Disposable {
  const onSignal = (name: NodeJS.Signals): void => {
    logger.info({ [fields.reason]: name }, "signal received");
    (request.signal.aborted ? hurry : request).abort();
  };
  const onThrown = (thrown: unknown): void => onFault(toError(thrown));
  process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
  process.on("uncaughtException", onThrown).on("unhandledRejection", onThrown);
  return {
    [Symbol.dispose]() {
      process.off("SIGTERM", onSignal).off("SIGINT", onSignal);
      process.off("uncaughtException", onThrown).off("unhandledRejection", onThrown);
    },
  };
}
