import type { Violation } from "@lateen/model";
import { formatRef } from "@lateen/model";
import type { Logger } from "@lateen/runtime";
import { fields } from "@lateen/runtime";

/** How the mistakes of one file or object changed. */
export interface Report {
  /** The file's path, or `Kind/namespace/name`. */
  readonly unit: string;
  readonly raised: readonly Violation[];
  readonly cleared: readonly Violation[];
  /** All that is wrong with it now. */
  readonly all: readonly Violation[];
}

/** Remembers what is wrong with each unit, and says only what changed. */
export class Reports {
  readonly #byUnit = new Map<string, readonly Violation[]>();
  readonly #logger: Logger;
  readonly #onReport: ((report: Report) => void) | undefined;

  constructor(logger: Logger, onReport?: (report: Report) => void) {
    this.#logger = logger;
    this.#onReport = onReport;
  }

  update(unit: string, all: readonly Violation[]): Report | undefined {
    const before = this.#byUnit.get(unit) ?? [];
    const raised = without(all, before);
    const cleared = without(before, all);
    if (all.length > 0) this.#byUnit.set(unit, all);
    else this.#byUnit.delete(unit);
    if (raised.length === 0 && cleared.length === 0) return undefined;
    const report = { unit, raised, cleared, all };
    this.#log(report);
    this.#onReport?.(report);
    return report;
  }

  all(): readonly Violation[] {
    return [...this.#byUnit.values()].flat();
  }

  #log({ unit, raised, cleared, all }: Report): void {
    for (const violation of raised) {
      const { object, path, line, column, code, message, severity } = violation;
      const place = { file: object.file, line: line ?? object.line, column, path };
      const details = { [fields.origin]: formatRef(object), ...place, [fields.code]: code, [fields.reason]: message };
      if (severity === "error") this.#logger.warn(details, "object refused, its last good version keeps serving");
      else this.#logger.info(details, "object accepted with a warning");
    }
    if (cleared.length > 0 && all.length === 0) this.#logger.info({ [fields.origin]: unit }, "mistakes repaired");
  }
}

/** Where a mistake is in its file may move without it being another mistake. */
function without(some: readonly Violation[], others: readonly Violation[]): Violation[] {
  const known = new Set(others.map(identity));
  return some.filter((violation) => !known.has(identity(violation)));
}

function identity({ object, path, code, message, severity }: Violation): string {
  return JSON.stringify([object.kind, object.namespace, object.name, path, code, message, severity]);
}
